/* The chat page. Data from the server becomes text nodes, never markup. */
"use strict";

const WORDS = {
  en: {
    chat: "Chat", message: "Message", send: "Send", commands: "Commands", down: "Scroll to the newest",
    close: "Close", bot: "bot", offline: "connecting", typing: "typing",
    upload_photo: "sending a photo", upload_video: "sending a video", upload_document: "sending a file",
    today: "Today", yesterday: "Yesterday", edited: "edited", picture: "Picture", clip: "Clip",
    cover: "Show", hidden: "Hidden, press to show", you: "You", youAre: "You are:", units: ["B", "KB", "MB"],
    empty: "Nothing here yet. Press Start to say hello to the bot.", start: "Start",
    lost: "That did not go through. Try again.",
  },
  ru: {
    chat: "Чат", message: "Сообщение", send: "Отправить", commands: "Команды", down: "К последнему",
    close: "Закрыть", bot: "бот", offline: "соединение", typing: "печатает",
    upload_photo: "отправляет фото", upload_video: "отправляет видео", upload_document: "отправляет файл",
    today: "Сегодня", yesterday: "Вчера", edited: "изменено", picture: "Картинка", clip: "Видео",
    cover: "Показать", hidden: "Скрыто, нажмите, чтобы показать", you: "Вы", youAre: "Вы:", units: ["Б", "КБ", "МБ"],
    empty: "Здесь пока пусто. Нажмите «Начать», чтобы поздороваться с ботом.", start: "Начать",
    lost: "Не получилось. Попробуйте ещё раз.",
  },
};
const LANGUAGE = navigator.language.slice(0, 2).toLowerCase();
const LOCALE = LANGUAGE === "ru" ? "ru" : "en";
const SAY = WORDS[LOCALE];
const TAGS = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote",
};
const SIGNS = [..."🎲👍👎⭐🚫❌✅❓ⓘ🔎👤🎬📁🏷🔖📌📅📊📋📄🖼📐🏆🆕⏰🕒⏳🌐🌙🔒🔕🗑🙈🔗👥📷"]; // as in signs.svg
const SIGN = new RegExp(`([${SIGNS.join("")}])\\uFE0F?`, "u");
const ACTION_LASTS = 5000; // ms, as in Telegram
const PRESS_LASTS = 15000; // ms until a button stops waiting
const TOAST_LASTS = 3200; // ms
const NEAR = 90; // px from the bottom that count as being there
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const IS_DRAWN = !hasEmoji();

const $ = (id) => document.getElementById(id);
const log = $("log");
const input = $("input");

const messages = new Map(); // id -> message
const articles = new Map(); // "7", or "a" and the album's id -> article
const revealed = new Set(); // ids of spoilers that were opened
const waiting = new Map(); // query id -> the button that was pressed
const answered = new Map(); // query id -> an answer that came before the id of its query
let view = location.hash.slice(1); // number of the user and chat that the page plays
let source = null; // of the events
let bot = "Stashbot";
let commands = [];
let read = 0; // id of the last message that the bot has read
let unseen = 0;
let isFollowing = true; // whether the chat stays at its newest message
let lastTop = 0;
let isOnline = false;
let action = "";
let actionTimer = 0;
let toastTimer = 0;
let chosen = 0; // place in the menu of commands
let shown = null; // message in the lightbox

/* Elements */

/** An element with these properties; `class` is its className. */
function element(tag, { class: className = "", ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), { className }, properties);
  node.append(...children);
  return node;
}

const button = (label, onclick) => element("button", { type: "button", onclick }, ...signed(label));

/** Whether a font has signs in colour, such as a yellow thumb. */
function hasEmoji() {
  const pen = element("canvas").getContext("2d");
  pen.fillText("👍", 0, 10);
  return pen.getImageData(0, 0, 12, 12).data.some((red, n, all) => n % 4 === 0 && red !== all[n + 2]);
}

/** The text as nodes. Without an emoji font, its signs are those of signs.svg. */
function signed(text) {
  return IS_DRAWN ? text.split(SIGN).map((part, n) => (n % 2 ? sign(part) : part)) : [text];
}

const sign = (text) =>
  element("span", { class: "sign", style: `--place: ${SIGNS.indexOf(text) / (SIGNS.length - 1)}` }, text);

function clock(seconds) {
  const locale = LOCALE === "ru" ? "ru" : navigator.language;
  return new Date(seconds * 1000).toLocaleTimeString(locale, { timeStyle: "short" });
}

function dayOf(seconds) {
  const [day, today] = [new Date(seconds * 1000), new Date()];
  const ago = Math.round((new Date(today).setHours(0, 0, 0, 0) - new Date(day).setHours(0, 0, 0, 0)) / 864e5);
  return [SAY.today, SAY.yesterday][ago] ?? day.toLocaleDateString(LOCALE, { dateStyle: "long" });
}

function sizeOf(bytes) {
  const power = Math.min(2, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const number = bytes / 1024 ** power;
  return `${number.toLocaleString(LOCALE, { maximumFractionDigits: number < 10 ? 1 : 0 })} ${SAY.units[power]}`;
}

/* Text with entities; offsets are UTF-16, as JavaScript's own */

function wrapperOf(entity, text) {
  if (entity.type === "text_link") return linkTo(entity.url);
  if (entity.type === "spoiler") return cover();
  if (entity.type === "date_time") return element("time", { title: dayOf(entity.unix_time) + " " + clock(entity.unix_time) });
  if (entity.type === "expandable_blockquote") return longQuote();
  if (entity.type !== "bot_command") return element(TAGS[entity.type] ?? "span");
  return element("a", { href: "#", onclick: (event) => { event.preventDefault(); send(text); } });
}

function linkTo(url, label = "") {
  const href = /^[a-z]+:/i.test(url) ? url : `https://${url}`;
  if (!/^(https?|tg):/i.test(href)) return element("span", {}, label);
  return element("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...signed(label));
}

const longQuote = () =>
  element("blockquote", { class: "long", onclick: ({ currentTarget }) => currentTarget.classList.remove("long") });

function cover() {
  const node = element("span", { class: "cover", tabIndex: 0, role: "button", ariaLabel: SAY.hidden });
  node.onclick = () => {
    node.className = "";
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  node.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") node.click(); };
  return node;
}

/** The text as nodes; entities are sorted by offset, the longer first. */
function format(text, entities, from = 0, to = text.length) {
  const nodes = [];
  let at = from;
  for (const [n, entity] of entities.entries()) {
    const end = Math.min(to, entity.offset + entity.length);
    if (entity.offset < at || end <= entity.offset) continue;
    const inner = entities.slice(n + 1).filter((other) => other.offset < end);
    const children = format(text, inner, entity.offset, end);
    const node = wrapperOf(entity, text.slice(entity.offset, end));
    if (entity.type === "spoiler") node.append(element("span", {}, ...children));
    else node.append(...children);
    nodes.push(...signed(text.slice(at, entity.offset)), node);
    at = /quote|pre/.test(entity.type) && text[end] === "\n" ? end + 1 : end; // a block ends its own line
  }
  return [...nodes, ...signed(text.slice(at, to))];
}

/* Media */

/** How many pictures of an album go into each row, by their number. */
const ROWS = [[], [1], [2], [1, 2], [2, 2], [2, 3], [3, 3], [2, 2, 3], [2, 3, 3], [3, 3, 3], [2, 2, 3, 3]];
const isHidden = (message) => message.spoiler && !revealed.has(message.id);
const isFilm = ({ kind, type }) => kind === "video" || (kind === "animation" && !type.startsWith("image/"));

function ratioOf({ width, height }, isAlone) {
  const ratio = width && height ? width / height : 16 / 9;
  return isAlone ? ratio : Math.min(2.2, Math.max(0.55, ratio));
}

function describe(message) {
  const first = message.text.split("\n").find((line) => line.trim());
  return first?.trim() || (message.file.kind === "photo" ? SAY.picture : SAY.clip);
}

function tileFor(message, ratio) {
  const isClip = isFilm(message.file);
  const tile = isClip && !isHidden(message) ? element("div") : button("", () => open(message));
  tile.className = "tile";
  tile.style.setProperty("--ratio", ratio);
  tile.append(isClip ? clipOf(message) : pictureOf(message));
  if (message.file.kind === "animation") tile.append(element("span", { class: "tag" }, "GIF"));
  if (isHidden(message)) coverTile(tile, message);
  return tile;
}

function coverTile(tile, message) {
  tile.classList.add("covered");
  tile.dataset.cover = SAY.cover;
  tile.ariaLabel = SAY.hidden;
  tile.onclick = () => {
    const tiles = () => [...articles.get(keyOf(message)).querySelectorAll(".tile")];
    const place = tiles().indexOf(tile);
    revealed.add(message.id);
    redraw(keyOf(message));
    tiles()[place].focus({ preventScroll: true });
  };
}

function pictureOf(message) {
  const { width, height, url, kind } = message.file;
  const image = element("img", { class: "loading", alt: describe(message), draggable: !message.protected });
  image.onload = () => {
    image.classList.remove("loading");
    if (kind === "animation" && STILL.matches) freeze(image);
  };
  return Object.assign(image, { width: width || 16, height: height || 9, src: url });
}

/** A GIF cannot be paused: with reduced motion, the page shows its first frame. */
function freeze(image) {
  const { naturalWidth: width, naturalHeight: height, alt: ariaLabel } = image;
  const canvas = element("canvas", { width, height, ariaLabel, role: "img" });
  canvas.getContext("2d").drawImage(image, 0, 0);
  image.replaceWith(canvas);
}

function clipOf(message) {
  const isAnimation = message.file.kind === "animation";
  const isPlaying = isAnimation && !STILL.matches && !isHidden(message);
  const video = element("video", {
    src: message.file.url, ariaLabel: describe(message), playsInline: true, preload: "metadata",
    loop: isAnimation, muted: isAnimation, autoplay: isPlaying, controls: !isPlaying && !isHidden(message),
  });
  if (message.protected) video.setAttribute("controlslist", "nodownload");
  return video;
}

function fileCard({ file }) {
  const extension = file.name.includes(".") ? file.name.split(".").pop().slice(0, 4).toUpperCase() : "?";
  const icon = element("span", { class: "icon", ariaHidden: "true" }, extension);
  const name = element("span", { class: "name" }, file.name);
  const about = element("span", {}, name, element("span", { class: "size" }, sizeOf(file.size)));
  return element("a", { class: "file", href: file.url, download: file.name }, icon, about);
}

/** The rows of tiles, and the ratio of width to height of them all. */
function gridOf(group) {
  const grid = element("div", { class: "grid" });
  const isAlone = group.length === 1;
  let height = 0; // of all rows, for a width of 1
  let at = 0;
  for (const count of ROWS[group.length]) {
    const items = group.slice(at, at + count);
    const ratios = items.map((message) => ratioOf(message.file, isAlone));
    const sum = ratios.reduce((total, ratio) => total + ratio, 0);
    const tiles = items.map((message, n) => tileFor(message, ratios[n]));
    const row = element("div", { class: isAlone ? "row" : "row many" }, ...tiles);
    row.style.setProperty("--ratio", sum);
    grid.append(row);
    height += 1 / sum;
    at += count;
  }
  return [grid, 1 / height];
}

/* Messages */

const keyOf = (message) => (message.album ? `a${message.album}` : String(message.id));
const groupOf = (key) => [...messages.values()].filter((message) => keyOf(message) === key);

function metaOf(message) {
  const time = element("time", { dateTime: new Date(message.date * 1000).toISOString() }, clock(message.date));
  const meta = element("span", { class: "meta" }, ...(message.edited ? [SAY.edited] : []), time);
  if (message.mine) meta.append($("ticks").content.firstElementChild.cloneNode(true));
  return meta;
}

function articleFor(key) {
  const group = groupOf(key);
  const [first] = group;
  const documents = group.filter((message) => message.file?.kind === "document");
  const visual = group.filter((message) => message.file && message.file.kind !== "document");
  // Telegram shows the caption of an album only if exactly one of its items has one.
  const worded = group.filter((message) => message.text);
  const isBare = visual.length > 0 && worded.length !== 1;
  const bubble = element("div", { class: "bubble" });
  const article = element("article", { ariaLabel: `${first.mine ? SAY.you : bot}, ${clock(first.date)}` }, bubble);
  const classes = {
    message: true, out: first.mine, in: !first.mine, read: first.mine && first.id <= read,
    media: visual.length > 0, document: documents.length > 0, bare: isBare,
  };
  article.className = Object.keys(classes).filter((name) => classes[name]).join(" ");
  Object.assign(article.dataset, { id: first.id, day: dayOf(first.date) });
  if (first.sender && !first.mine) bubble.append(element("div", { class: "sender" }, first.sender));
  if (first.reply) bubble.append(element("div", { class: "reply" }, ...signed(first.reply)));
  if (visual.length) {
    const [grid, ratio] = gridOf(visual);
    article.style.setProperty("--ratio", ratio);
    bubble.append(grid);
  }
  bubble.append(...documents.map(fileCard));
  if (worded.length === 1) {
    const text = element("div", { class: "text" }, ...format(worded[0].text, worded[0].entities));
    text.dataset.stamp = metaOf(first).textContent;
    bubble.append(text);
  }
  bubble.append(metaOf(first));
  const rows = rowsOf(first.buttons, (key) => keyFor(first, key));
  if (rows.length) article.append(element("div", { class: "buttons" }, ...rows));
  return article;
}

const rowsOf = (rows, draw) => rows.map((row) => element("div", {}, ...row.map(draw)));

function keyFor(message, key) {
  if (key.url) return linkTo(key.url, key.text);
  const node = button(key.text, () => press(message, key, node));
  node.dataset.data = key.callback_data;
  node.dataset.style = key.style ?? "";
  return node;
}

/** Draw a message again in its place; keeps the focus and the waiting buttons. */
function redraw(key) {
  const old = articles.get(key);
  if (!groupOf(key).length) {
    old?.remove();
    articles.delete(key);
    separateDays();
    return;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.data : undefined;
  const article = articleFor(key);
  keepPictures(old, article);
  articles.set(key, article);
  old.replaceWith(article);
  for (const [query, node] of waiting) {
    const twin = old.contains(node) && twinOf(article, node.dataset.data);
    if (!twin) continue;
    twin.ariaBusy = "true";
    waiting.set(query, twin);
  }
  if (focused !== undefined) twinOf(article, focused)?.focus({ preventScroll: true });
}

/** Reuses loaded pictures, so that an edit does not make them blink. */
function keepPictures(old, article) {
  const [before, after] = [old, article].map((node) => node.querySelector(".grid"));
  if (before && after && signature(before) === signature(after)) after.replaceWith(before);
}

const signature = (grid) =>
  [...grid.querySelectorAll(".tile")].map((tile) => tile.className + tile.querySelector("img, video")?.src).join();

const twinOf = (article, data) =>
  [...article.querySelectorAll(".buttons button")].find((node) => node.dataset.data === data);

function show(arrived, isNew) {
  const fresh = arrived.filter((message) => !messages.has(message.id));
  for (const message of fresh) messages.set(message.id, message);
  const keys = new Set(fresh.map(keyOf));
  for (const key of keys) {
    if (articles.has(key)) {
      redraw(key);
      continue;
    }
    const article = articleFor(key);
    article.classList.toggle("new", isNew);
    articles.set(key, article);
    log.append(article);
  }
  separateDays();
  return keys.size;
}

function separateDays() {
  for (const node of log.querySelectorAll(".empty, .day")) node.remove();
  let day = "";
  for (const node of [...log.children]) {
    if (node.dataset.day !== day) node.before(element("div", { class: "day" }, node.dataset.day));
    day = node.dataset.day;
  }
  if (!messages.size) showEmpty();
}

function showEmpty() {
  const picture = element("img", { class: "avatar", src: "/favicon.svg", alt: "", width: 72, height: 72 });
  const start = button(SAY.start, () => send("/start"));
  log.append(element("div", { class: "empty" }, picture, element("p", {}, SAY.empty), start));
}

/* Scrolling */

const isAtBottom = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;

function toBottom(isSmooth) {
  isFollowing = true;
  log.scrollTo({ top: log.scrollHeight, behavior: isSmooth && !STILL.matches ? "smooth" : "instant" });
}

/** Smooth scrolling down passes other positions; only scrolling up ends the following. */
function onScroll() {
  if (isAtBottom()) isFollowing = true;
  else if (log.scrollTop < lastTop) isFollowing = false;
  lastTop = log.scrollTop;
  showArrow();
}

function showArrow() {
  const isDown = isFollowing || isAtBottom();
  if (isDown) unseen = 0;
  $("down").hidden = isDown;
  $("count").hidden = unseen === 0;
  $("count").textContent = unseen;
}

/* Actions */

async function post(path, fields) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ ...fields, view, language: LANGUAGE });
  const response = await fetch(path, { method: "POST", headers, body });
  if (!response.ok) throw new Error(response.status);
  return response.json();
}

async function send(text) {
  if (!text.trim()) return;
  try {
    await post("/page/say", { text });
    toBottom(true);
  } catch {
    toast(SAY.lost);
    if (!input.value) write(text);
  }
}

async function press(message, key, node) {
  if (node.ariaBusy === "true") return;
  node.ariaBusy = "true";
  try {
    const { query_id: query } = await post("/page/press", { message_id: message.id, data: key.callback_data });
    // The message may have been drawn again meanwhile, with a new button in place of this one.
    const article = articles.get(keyOf(message));
    waiting.set(query, node.isConnected || !article ? node : twinOf(article, key.callback_data) ?? node);
    if (answered.has(query)) settle(answered.get(query));
    else setTimeout(() => release(query), PRESS_LASTS);
  } catch {
    node.ariaBusy = "false";
    toast(SAY.lost);
  }
}

function release(query) {
  const node = waiting.get(query);
  if (node) node.ariaBusy = "false";
  waiting.delete(query);
}

function settle(answer) {
  if (!waiting.has(answer.id)) {
    answered.set(answer.id, answer);
    return;
  }
  answered.delete(answer.id);
  release(answer.id);
  if (answer.text) toast(answer.text);
}

function toast(text) {
  clearTimeout(toastTimer);
  $("toast").replaceChildren(...signed(text));
  $("toast").classList.add("shown");
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), TOAST_LASTS);
}

function showStatus() {
  const doing = action && (SAY[action] ?? SAY.typing);
  $("status").textContent = isOnline ? doing || SAY.bot : SAY.offline;
  $("status").classList.toggle("busy", !isOnline || doing !== "");
}

function act(name) {
  clearTimeout(actionTimer);
  action = name;
  showStatus();
  if (name) actionTimer = setTimeout(act, ACTION_LASTS, "");
}

function showKeys(rows) {
  const text = JSON.stringify(rows);
  if (text === $("keys").dataset.rows) return;
  $("keys").dataset.rows = text;
  $("keys").replaceChildren(...rowsOf(rows, (label) => button(label, () => send(label))));
  if (isFollowing) toBottom(false);
}

/* The composer and its menu of commands */

function write(text) {
  input.value = text;
  onInput();
}

function onInput() {
  const text = input.value;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
  $("send").disabled = !text.trim();
  offer(text.startsWith("/") ? commands.filter((item) => `/${item.command}`.startsWith(text)) : []);
}

/** Shows these commands in the menu, or closes it without any. */
function offer(found) {
  chosen = 0;
  $("menu").replaceChildren(...found.map(optionFor));
  $("menu").hidden = !found.length;
  $("commands").ariaExpanded = String(found.length > 0);
  mark();
}

function optionFor(item, n) {
  const texts = [element("b", {}, `/${item.command}`), element("span", {}, item.description)];
  const option = element("div", { role: "option", id: `option-${n}`, onclick: () => pick(n) }, ...texts);
  option.onmousemove = () => { chosen = n; mark(); };
  return option;
}

function mark() {
  const options = [...$("menu").children];
  for (const [n, option] of options.entries()) option.ariaSelected = String(n === chosen);
  if (options.length) input.setAttribute("aria-activedescendant", `option-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
  options[chosen]?.scrollIntoView({ block: "nearest" });
}

const commandAt = (n) => $("menu").children[n].firstChild.textContent;

function pick(n) {
  const command = commandAt(n);
  write("");
  input.focus();
  send(command);
}

function onKey(event) {
  if (event.isComposing) return;
  const count = $("menu").children.length;
  const step = { ArrowDown: 1, ArrowUp: count - 1 }[event.key];
  if (count && step !== undefined) {
    event.preventDefault();
    chosen = (chosen + step) % count;
    mark();
  } else if (count && event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    write(`${commandAt(chosen)} `);
  } else if (count && event.key === "Escape") {
    offer([]);
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    if (count) pick(chosen);
    else $("composer").requestSubmit();
  }
}

/* The lightbox */

function open(message) {
  shown = message;
  $("large").src = message.file.url;
  $("large").alt = $("lightbox").ariaLabel = describe(message);
  $("about").replaceChildren(...signed(message.text));
  if (!$("lightbox").open) $("lightbox").showModal();
}

function turn(step) {
  const isPicture = ({ file }) => file && file.kind !== "document" && !isFilm(file);
  const all = [...messages.values()].filter((message) => isPicture(message) && !isHidden(message));
  const next = all[all.findIndex((message) => message.id === shown.id) + step];
  if (next) open(next);
}

/* Events from the server */

function restart(state) {
  const place = log.scrollTop;
  ({ bot, read } = state);
  takeCommands(state.commands);
  $("you").replaceChildren(...state.views.map((name, value) => element("option", { value }, name)));
  $("you").value = view = state.views[view] ? view : "0";
  $("name").textContent = document.title = bot;
  messages.clear();
  articles.clear();
  log.replaceChildren();
  show(state.messages, false);
  showKeys(state.keyboard);
  if (isFollowing) toBottom(false);
  else log.scrollTop = place;
  showArrow();
}

function takeCommands(list) {
  commands = list;
  $("commands").hidden = !list.length;
}

function arrive(news) {
  const count = show(news.messages, true);
  showKeys(news.keyboard);
  const isMine = news.messages.some((message) => message.mine);
  if (!isMine) act("");
  if (isFollowing || isMine) toBottom(true);
  else unseen += count;
  showArrow();
}

function edit(message) {
  if (!messages.has(message.id)) return;
  messages.set(message.id, message);
  redraw(keyOf(message));
  if (isFollowing) toBottom(false);
}

function remove(id) {
  const message = messages.get(id);
  if (!message) return;
  messages.delete(id);
  redraw(keyOf(message));
  showArrow();
}

function markRead(id) {
  read = id;
  for (const article of log.querySelectorAll(".out")) article.classList.toggle("read", article.dataset.id <= id);
}

function connect() {
  source?.close();
  source = new EventSource(`/page/events?view=${encodeURIComponent(view)}&language=${encodeURIComponent(LANGUAGE)}`);
  const handlers = {
    state: restart, message: arrive, edited: edit, deleted: remove, read: markRead, action: act, answer: settle,
    commands: takeCommands,
  };
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.onopen = () => { isOnline = true; showStatus(); };
  source.onerror = () => { isOnline = false; showStatus(); };
}

function begin() {
  document.documentElement.lang = LOCALE;
  log.ariaLabel = SAY.chat;
  input.ariaLabel = input.placeholder = SAY.message;
  $("commands").ariaLabel = $("menu").ariaLabel = SAY.commands;
  for (const id of ["send", "down", "close"]) $(id).ariaLabel = $(id).title = SAY[id];
  $("youAre").textContent = SAY.youAre;
  $("you").ariaLabel = SAY.youAre;
  $("you").onchange = () => { location.hash = view = $("you").value; isFollowing = true; connect(); };
  log.addEventListener("scroll", onScroll, { passive: true });
  new ResizeObserver(() => { if (isFollowing) toBottom(false); }).observe(log);
  $("down").onclick = () => toBottom(true);
  $("composer").onsubmit = (event) => {
    event.preventDefault();
    send(input.value);
    write("");
  };
  input.oninput = onInput;
  input.onkeydown = onKey;
  input.onblur = () => offer([]);
  $("commands").onmousedown = $("menu").onmousedown = (event) => event.preventDefault(); // keeps the focus
  $("commands").onclick = () => {
    input.focus();
    offer($("menu").hidden ? commands : []);
  };
  $("lightbox").onclick = () => $("lightbox").close();
  $("lightbox").onclose = () => $("large").removeAttribute("src");
  $("lightbox").onkeydown = ({ key }) => {
    if (key === "ArrowRight" || key === "ArrowLeft") turn(key === "ArrowRight" ? 1 : -1);
  };
  if (matchMedia("(hover: hover)").matches) input.focus();
  showStatus();
  connect();
}

begin();
