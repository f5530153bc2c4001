/* The chat page. Data from the server becomes text nodes, never markup. */
"use strict";

const WORDS = {
  en: {
    chat: "Chat", message: "Message", send: "Send", commands: "Commands", down: "Scroll to the newest",
    close: "Close", online: "online", offline: "connecting", typing: "typing",
    upload_photo: "choosing a photo", upload_video: "choosing a video", upload_document: "choosing a file",
    today: "Today", yesterday: "Yesterday", edited: "edited", picture: "Picture", clip: "Clip",
    cover: "Show", hidden: "Hidden, press to show", you: "You", at: "at", demo: "demo",
    empty: "Nothing here yet. Press Start to say hello to the bot.", start: "Start",
    lost: "That did not go through. Try again.",
  },
  ru: {
    chat: "Чат", message: "Сообщение", send: "Отправить", commands: "Команды", down: "К последнему",
    close: "Закрыть", online: "в сети", offline: "соединение", typing: "печатает",
    upload_photo: "выбирает фото", upload_video: "выбирает видео", upload_document: "выбирает файл",
    today: "Сегодня", yesterday: "Вчера", edited: "изменено", picture: "Картинка", clip: "Видео",
    cover: "Показать", hidden: "Скрыто, нажмите, чтобы показать", you: "Вы", at: "в", demo: "демо",
    empty: "Здесь пока пусто. Нажмите «Начать», чтобы поздороваться с ботом.", start: "Начать",
    lost: "Не получилось. Попробуйте ещё раз.",
  },
};
const LANGUAGE = navigator.language.slice(0, 2).toLowerCase();
const LOCALE = LANGUAGE === "ru" ? "ru" : "en";
const SAY = WORDS[LOCALE];
const SVG = "http://www.w3.org/2000/svg";
const ACTION_LASTS = 5000; // ms, as in Telegram
const PRESS_LASTS = 15000; // ms until a button stops waiting
const NEAR = 90; // px from the bottom that count as being there
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const $ = (id) => document.getElementById(id);
const log = $("log");
const input = $("input");

const messages = new Map(); // id -> message
const articles = new Map(); // "7", or "a" and the album's id -> article
const revealed = new Set(); // ids of spoilers that were opened
const waiting = new Map(); // query id -> the button that was pressed
const answered = new Map(); // query id -> an answer that came before the id of its query
let bot = "Stashbot";
let commands = [];
let read = 0;
let unseen = 0;
let isFollowing = true; // whether the chat stays at its newest message
let lastTop = 0;
let isOnline = false;
let action = "";
let actionTimer = 0;
let toastTimer = 0;
let chosen = 0;

/* Elements */

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function button(className, label, onClick) {
  const node = element("button", className, label);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

function clock(seconds) {
  return new Intl.DateTimeFormat(LOCALE === "ru" ? "ru" : navigator.language, {
    hour: "2-digit", minute: "2-digit",
  }).format(seconds * 1000);
}

function dayOf(seconds) {
  const day = new Date(seconds * 1000);
  const now = new Date();
  const ago = Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(day).setHours(0, 0, 0, 0)) / 864e5);
  if (ago === 0) return SAY.today;
  if (ago === 1) return SAY.yesterday;
  const year = day.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "long", year }).format(day);
}

function sizeOf(bytes) {
  const units = LOCALE === "ru" ? ["Б", "КБ", "МБ"] : ["B", "KB", "MB"];
  const power = Math.min(2, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const number = bytes / 1024 ** power;
  return `${number.toLocaleString(LOCALE, { maximumFractionDigits: number < 10 ? 1 : 0 })} ${units[power]}`;
}

/* Text with entities; offsets are UTF-16, as JavaScript's own */

function wrapperOf(entity, text) {
  const tags = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote" };
  if (tags[entity.type]) return element(tags[entity.type]);
  if (entity.type === "text_link") return linkTo(entity.url);
  if (entity.type === "spoiler") return cover();
  if (entity.type === "bot_command") {
    const node = element("a", "command");
    node.href = "#";
    node.addEventListener("click", (event) => {
      event.preventDefault();
      send(text);
    });
    return node;
  }
  return element("span");
}

function linkTo(url) {
  const address = /^[a-z]+:/i.test(url) ? url : `https://${url}`;
  if (!/^(https?|tg):/i.test(address)) return element("span");
  const node = element("a");
  node.href = address;
  node.target = "_blank";
  node.rel = "noopener noreferrer";
  return node;
}

function cover() {
  const node = element("span", "cover");
  node.tabIndex = 0;
  node.role = "button";
  node.ariaLabel = SAY.hidden;
  const open = () => {
    node.className = "";
    node.removeAttribute("role");
    node.removeAttribute("tabindex");
    node.removeAttribute("aria-label");
  };
  node.addEventListener("click", open);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") open();
  });
  return node;
}

/** The text as nodes; entities are sorted by offset, the longer first. */
function format(text, entities, from = 0, to = text.length) {
  const nodes = [];
  let at = from;
  for (let n = 0; n < entities.length; n += 1) {
    const entity = entities[n];
    const end = Math.min(to, entity.offset + entity.length);
    if (entity.offset < at || end <= entity.offset) continue;
    if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
    const inner = entities.slice(n + 1).filter((other) => other.offset < end);
    const node = wrapperOf(entity, text.slice(entity.offset, end));
    const children = format(text, inner, entity.offset, end);
    if (node.className === "cover") node.append(element("span", "", ...children));
    else node.append(...children);
    nodes.push(node);
    at = end;
  }
  if (at < to) nodes.push(text.slice(at, to));
  return nodes;
}

/* Media */

function ratioOf(file, isAlone) {
  const ratio = file.width && file.height ? file.width / file.height : 16 / 9;
  return isAlone ? ratio : Math.min(2.2, Math.max(0.55, ratio));
}

/** How many pictures go into each row of an album. */
function rowsFor(count) {
  return [[], [1], [2], [1, 2], [2, 2], [2, 3], [3, 3], [2, 2, 3], [2, 3, 3], [3, 3, 3], [2, 2, 3, 3]][count] ?? [count];
}

function describe(message) {
  const first = message.text.split("\n").find((line) => line.trim());
  return first?.trim() || (message.file.kind === "photo" ? SAY.picture : SAY.clip);
}

function tileFor(message, ratio) {
  const { file } = message;
  const isClip = file.kind === "video" || (file.kind === "animation" && !file.type.startsWith("image/"));
  const isCovered = message.spoiler && !revealed.has(message.id);
  const tile = element(isClip && !isCovered ? "div" : "button", "tile");
  tile.style.setProperty("--ratio", ratio);
  if (tile.tagName === "BUTTON") tile.type = "button";
  tile.append(isClip ? clipOf(message, isCovered) : pictureOf(message, tile));
  if (file.kind === "animation") tile.append(element("span", "tag", "GIF"));
  if (isCovered) coverTile(tile, message);
  else if (!isClip) tile.addEventListener("click", () => open(message));
  return tile;
}

function coverTile(tile, message) {
  tile.classList.add("covered");
  tile.dataset.cover = SAY.cover;
  tile.ariaLabel = SAY.hidden;
  tile.addEventListener("click", () => {
    revealed.add(message.id);
    const place = [...articles.get(keyOf(message)).querySelectorAll(".tile")].indexOf(tile);
    redraw(keyOf(message));
    articles.get(keyOf(message)).querySelectorAll(".tile")[place].focus({ preventScroll: true });
  }, { once: true });
}

function pictureOf(message, tile) {
  const image = element("img", "loading");
  image.alt = describe(message);
  image.width = message.file.width || 16;
  image.height = message.file.height || 9;
  image.draggable = !message.protected;
  image.addEventListener("load", () => {
    image.classList.remove("loading");
    if (message.file.kind === "animation" && STILL.matches) freeze(image, tile);
  });
  image.src = message.file.url;
  return image;
}

/** A GIF cannot be paused: with reduced motion, the page shows its first frame. */
function freeze(image, tile) {
  const canvas = element("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.role = "img";
  canvas.ariaLabel = image.alt;
  canvas.getContext("2d").drawImage(image, 0, 0);
  tile.replaceChild(canvas, image);
}

function clipOf(message, isCovered) {
  const video = element("video");
  const isAnimation = message.file.kind === "animation";
  video.src = message.file.url;
  video.ariaLabel = describe(message);
  video.playsInline = true;
  video.preload = "metadata";
  video.loop = video.muted = isAnimation;
  video.autoplay = isAnimation && !STILL.matches && !isCovered;
  video.controls = !video.autoplay && !isCovered;
  if (message.protected) video.setAttribute("controlslist", "nodownload");
  return video;
}

function fileCard(message) {
  const { file } = message;
  const extension = file.name.includes(".") ? file.name.split(".").pop().slice(0, 4).toUpperCase() : "?";
  const icon = element("span", "icon", extension);
  icon.ariaHidden = "true";
  const card = element("a", "file", icon, element("span", "", element("span", "name", file.name), element("span", "size", sizeOf(file.size))));
  card.href = file.url;
  card.download = file.name;
  return card;
}

function gridOf(group) {
  const grid = element("div", "grid");
  const isAlone = group.length === 1;
  let height = 0; // of all rows, for a width of 1
  let at = 0;
  for (const count of rowsFor(group.length)) {
    const items = group.slice(at, at + count);
    const ratios = items.map((message) => ratioOf(message.file, isAlone));
    const row = element("div", isAlone ? "row" : "row many");
    const sum = ratios.reduce((total, ratio) => total + ratio, 0);
    row.style.setProperty("--ratio", sum);
    row.append(...items.map((message, n) => tileFor(message, ratios[n])));
    grid.append(row);
    height += 1 / sum;
    at += count;
  }
  return [grid, 1 / height];
}

/* Messages */

function keyOf(message) {
  return message.album ? `a${message.album}` : String(message.id);
}

function groupOf(key) {
  return [...messages.values()].filter((message) => keyOf(message) === key);
}

function ticks() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 18 12");
  svg.setAttribute("class", "tick");
  svg.setAttribute("aria-hidden", "true");
  for (const [d, name] of [["M1.5 6.5 5 10 12 2", "first"], ["M6.5 9.5 7 10 14.5 2", "second"]]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", name);
    svg.append(path);
  }
  return svg;
}

function metaOf(message) {
  const time = element("time", "", clock(message.date));
  time.dateTime = new Date(message.date * 1000).toISOString();
  const meta = element("span", "meta", ...(message.edited ? [SAY.edited] : []), time);
  if (message.mine) meta.append(ticks());
  return meta;
}

/** The width (rem) of the time at the end of the last line. */
function stampOf(message) {
  const letters = clock(message.date).length + (message.edited ? SAY.edited.length + 1 : 0);
  return `${0.7 + 0.41 * letters + (message.mine ? 1.25 : 0)}rem`;
}

function bodyOf(group) {
  const parts = [];
  const documents = group.filter((message) => message.file?.kind === "document");
  const visual = group.filter((message) => message.file && message.file.kind !== "document");
  let ratio = 0;
  if (visual.length) {
    const [grid, shape] = gridOf(visual);
    parts.push(grid);
    ratio = shape;
  }
  parts.push(...documents.map(fileCard));
  const worded = group.filter((message) => message.text);
  // Telegram shows the caption of an album only if exactly one of its items has one.
  if (worded.length === 1) parts.push(element("div", "text", ...format(worded[0].text, worded[0].entities)));
  return { parts, ratio, isBare: Boolean(visual.length) && worded.length !== 1, hasDocuments: documents.length > 0 };
}

function articleFor(key) {
  const group = groupOf(key);
  const first = group[0];
  const { parts, ratio, isBare, hasDocuments } = bodyOf(group);
  const article = element("article", `message ${first.mine ? "out" : "in"}`);
  article.dataset.id = first.id;
  article.dataset.day = dayOf(first.date);
  article.ariaLabel = `${first.mine ? SAY.you : bot}, ${clock(first.date)}`;
  article.classList.toggle("media", ratio > 0);
  article.classList.toggle("document", hasDocuments);
  article.classList.toggle("bare", isBare);
  article.classList.toggle("above", first.above && !isBare && ratio > 0);
  article.classList.toggle("edited", first.edited);
  article.classList.toggle("read", first.mine && first.id <= read);
  article.style.setProperty("--stamp", stampOf(first));
  if (ratio) article.style.setProperty("--ratio", ratio);
  const reply = first.reply ? [element("div", "reply", first.reply)] : [];
  article.append(element("div", "bubble", ...reply, ...parts, metaOf(first)));
  if (first.buttons.length) article.append(buttonsOf(first));
  return article;
}

function buttonsOf(message) {
  const rows = message.buttons.map((row) => element("div", "", ...row.map((key) => keyFor(message, key))));
  return element("div", "buttons", ...rows);
}

function keyFor(message, key) {
  if (key.url) {
    const node = linkTo(key.url);
    node.textContent = key.text;
    return node;
  }
  const node = button("", key.text, () => press(message, key, node));
  node.dataset.data = key.callback_data;
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
  const focused = old?.contains(document.activeElement) ? document.activeElement.dataset.data : undefined;
  const article = articleFor(key);
  keepPictures(old, article);
  articles.set(key, article);
  old?.replaceWith(article);
  for (const [query, node] of waiting) {
    if (!old?.contains(node)) continue;
    const twin = twinOf(article, node.dataset.data);
    if (twin) {
      twin.ariaBusy = "true";
      waiting.set(query, twin);
    }
  }
  if (focused !== undefined) twinOf(article, focused)?.focus({ preventScroll: true });
}

/** Reuses loaded pictures, so that an edit does not make them blink. */
function keepPictures(old, article) {
  const before = [...(old?.querySelectorAll(".grid") ?? [])];
  const after = [...article.querySelectorAll(".grid")];
  const isSame = before.length === 1 && after.length === 1 && signature(before[0]) === signature(after[0]);
  if (isSame) after[0].replaceWith(before[0]);
}

function signature(grid) {
  return [...grid.querySelectorAll(".tile")].map((tile) => tile.className + (tile.querySelector("img, video")?.src ?? "?")).join();
}

function twinOf(article, data) {
  return [...article.querySelectorAll(".buttons button")].find((node) => node.dataset.data === data);
}

function show(arrived, isNew) {
  const keys = new Set();
  for (const message of arrived) {
    if (messages.has(message.id)) continue;
    messages.set(message.id, message);
    keys.add(keyOf(message));
  }
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
  log.querySelector(".empty")?.remove();
  let day = "";
  for (const node of [...log.children]) {
    if (node.className === "day") node.remove();
    else if (node.dataset.day !== day) {
      day = node.dataset.day;
      node.before(element("div", "day", day));
    }
  }
  if (!messages.size) showEmpty();
}

function showEmpty() {
  const picture = element("img", "avatar");
  Object.assign(picture, { src: "/favicon.svg", alt: "", width: 72, height: 72 });
  log.append(element("div", "empty", picture, element("p", "", SAY.empty), button("", SAY.start, () => send("/start"))));
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
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...fields, language: LANGUAGE }),
  });
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
  let query = "";
  try {
    query = (await post("/page/press", { message_id: message.id, data: key.callback_data })).query_id;
  } catch {
    node.ariaBusy = "false";
    toast(SAY.lost);
    return;
  }
  // The message may have been drawn again meanwhile, with a new button in place of this one.
  const article = articles.get(keyOf(message));
  waiting.set(query, node.isConnected || !article ? node : twinOf(article, key.callback_data) ?? node);
  if (answered.has(query)) settle(answered.get(query));
  else setTimeout(() => release(query), PRESS_LASTS);
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
  if (!answer.text) return;
  if (!answer.alert) {
    toast(answer.text);
    return;
  }
  $("notice").textContent = answer.text;
  $("alert").showModal();
}

function toast(text) {
  clearTimeout(toastTimer);
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), 3200);
}

function showStatus() {
  const status = $("status");
  const doing = SAY[action] ?? (action ? SAY.typing : "");
  status.textContent = isOnline ? doing || SAY.online : SAY.offline;
  status.classList.toggle("busy", !isOnline || Boolean(doing));
}

function act(name) {
  clearTimeout(actionTimer);
  action = name;
  showStatus();
  if (name) actionTimer = setTimeout(act, ACTION_LASTS, "");
}

function showKeys(rows) {
  if (JSON.stringify(rows) === $("keys").dataset.rows) return;
  const drawn = rows.map((row) => element("div", "", ...row.map((label) => button("", label, () => send(label)))));
  $("keys").dataset.rows = JSON.stringify(rows);
  $("keys").replaceChildren(...drawn);
  if (isFollowing) toBottom(false);
}

/* The composer and its menu of commands */

function write(text) {
  input.value = text;
  fitInput();
  offer();
}

function fitInput() {
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
  $("send").disabled = !input.value.trim();
}

function offer(isAll = false) {
  const typed = input.value;
  const isCommand = /^\/\w*$/.test(typed);
  const found = isAll || isCommand ? commands.filter((item) => isAll || `/${item.command}`.startsWith(typed)) : [];
  chosen = 0;
  const options = found.map((item, n) => optionFor(item, n));
  $("menu").replaceChildren(...options);
  $("menu").hidden = !found.length;
  $("commands").ariaExpanded = String(found.length > 0);
  mark();
}

function optionFor(item, n) {
  const option = element("div", "", element("b", "", `/${item.command}`), element("span", "", item.description));
  option.role = "option";
  option.id = `option-${n}`;
  option.addEventListener("mousedown", (event) => event.preventDefault());
  option.addEventListener("mousemove", () => {
    chosen = n;
    mark();
  });
  option.addEventListener("click", () => pick(n));
  return option;
}

function mark() {
  const options = [...$("menu").children];
  options.forEach((option, n) => { option.ariaSelected = String(n === chosen); });
  if (options.length) input.setAttribute("aria-activedescendant", `option-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
  options[chosen]?.scrollIntoView({ block: "nearest" });
}

function pick(n) {
  const command = $("menu").children[n].firstChild.textContent;
  write("");
  closeMenu();
  input.focus();
  send(command);
}

function closeMenu() {
  $("menu").hidden = true;
  $("menu").replaceChildren();
  $("commands").ariaExpanded = "false";
  input.removeAttribute("aria-activedescendant");
}

function onKey(event) {
  if (event.isComposing) return;
  const count = $("menu").hidden ? 0 : $("menu").children.length;
  if (count && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    mark();
  } else if (count && event.key === "Tab" && !event.shiftKey) {
    event.preventDefault();
    write(`${$("menu").children[chosen].firstChild.textContent} `);
  } else if (count && event.key === "Escape") {
    closeMenu();
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    if (count) pick(chosen);
    else submit();
  }
}

function submit() {
  const text = input.value;
  write("");
  closeMenu();
  send(text);
}

/* The lightbox */

let shown = null;

function pictures() {
  return [...messages.values()].filter((message) => {
    const isPicture = message.file?.kind === "photo" || message.file?.type.startsWith("image/");
    return isPicture && message.file.kind !== "document" && (!message.spoiler || revealed.has(message.id));
  });
}

function open(message) {
  shown = message;
  $("large").src = message.file.url;
  $("large").alt = describe(message);
  $("about").textContent = message.text;
  $("lightbox").ariaLabel = describe(message);
  if (!$("lightbox").open) $("lightbox").showModal();
}

function turn(step) {
  const all = pictures();
  const next = all[all.findIndex((message) => message.id === shown.id) + step];
  if (next) open(next);
}

/* Events from the server */

function restart(state) {
  const place = isFollowing ? Infinity : log.scrollTop;
  bot = state.bot;
  read = state.read;
  commands = state.commands;
  $("name").textContent = document.title = bot;
  $("commands").hidden = !commands.length;
  messages.clear();
  articles.clear();
  log.replaceChildren();
  show(state.messages, false);
  showKeys(state.keyboard);
  if (place === Infinity) toBottom(false);
  else log.scrollTop = place;
  showArrow();
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
  for (const article of articles.values()) {
    if (article.classList.contains("out") && Number(article.dataset.id) <= id) article.classList.add("read");
  }
}

function connect() {
  const source = new EventSource(`/page/events?language=${encodeURIComponent(LANGUAGE)}`);
  const handlers = {
    state: restart, message: arrive, edited: edit, deleted: remove, read: markRead, action: act, answer: settle,
    commands: (list) => { commands = list; $("commands").hidden = !list.length; },
  };
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("open", () => { isOnline = true; showStatus(); });
  source.addEventListener("error", () => { isOnline = false; showStatus(); });
}

function begin() {
  document.documentElement.lang = LOCALE;
  log.ariaLabel = SAY.chat;
  input.ariaLabel = input.placeholder = SAY.message;
  $("send").ariaLabel = SAY.send;
  $("commands").ariaLabel = $("menu").ariaLabel = SAY.commands;
  $("down").ariaLabel = SAY.down;
  $("close").ariaLabel = $("close").title = SAY.close;
  $("badge").textContent = SAY.demo;
  log.addEventListener("scroll", onScroll, { passive: true });
  new ResizeObserver(() => { if (isFollowing) toBottom(false); }).observe(log);
  $("down").addEventListener("click", () => toBottom(true));
  $("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  input.addEventListener("input", () => { fitInput(); offer(); });
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", closeMenu);
  $("commands").addEventListener("mousedown", (event) => event.preventDefault());
  $("commands").addEventListener("click", () => {
    const isOpen = !$("menu").hidden;
    input.focus();
    if (isOpen) closeMenu();
    else offer(true);
  });
  $("lightbox").addEventListener("click", () => $("lightbox").close());
  $("lightbox").addEventListener("close", () => $("large").removeAttribute("src"));
  $("lightbox").addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") turn(1);
    if (event.key === "ArrowLeft") turn(-1);
  });
  if (matchMedia("(hover: hover)").matches) input.focus();
  showStatus();
  connect();
}

begin();
