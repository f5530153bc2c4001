#!/bin/bash
# Installs stashbot as a systemd service, or upgrades it; run it again as often as you like.
#
#   sudo systemd/install.sh                       install, or upgrade to this version
#   sudo systemd/install.sh --uninstall           remove it; settings and history stay
#   sudo systemd/install.sh --uninstall --purge   remove it with all that it knows
#
# The answers may also come from a pipe, a line each: the bot's token, your user id,
# Stash's address, and Stash's API key (empty for none).
set -euo pipefail

# The service's own user must read the program, with any umask of root.
umask 022

readonly APP=/opt/stashbot CONFIG=/etc/stashbot UNIT=/etc/systemd/system/stashbot.service
readonly STATE=/var/lib/private/stashbot
readonly CACHE=/var/cache/private/stashbot
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SOURCE

say() { printf '%s\n' "$*"; }

# stop FAULT REMEDY: end with the fault and its remedy.
stop() {
    printf '%s\n  %s\n' "$1" "$2" >&2
    exit 1
}

check_machine() {
    [ "$(id -u)" = 0 ] || stop "This needs root." "Run: sudo $0 $*"
    [ -d /run/systemd/system ] || stop "systemd does not run here." \
        "Run the bot by hand instead; README says how."
    command -v python3 >/dev/null || stop "There is no python3." "Run: apt install python3-venv"
    /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop \
        "$(/usr/bin/python3 --version) is too old; 3.11 is needed." "Upgrade to Debian 12 or newer."
    /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || stop "Python cannot make an environment." \
        "Run: apt install python3-venv"
}

copy_program() {
    if [ "$SOURCE" = "$APP" ]; then
        say "The program is in $APP already."
        return
    fi
    say "Copying the program to $APP"
    install -d -m 755 "$APP"
    local part
    for part in stashbot systemd; do
        rm -rf "${APP:?}/$part"
        cp -R --no-preserve=ownership "$SOURCE/$part" "$APP/"
    done
    install -m 644 "$SOURCE"/{requirements.txt,settings.toml,README.md,CHANGELOG.md,LICENSE} "$APP/"
    install -m 755 "$SOURCE/stashbot.py" "$APP/"
    chmod -R u=rwX,go=rX "$APP/stashbot" "$APP/systemd"
}

make_environment() {
    # An environment is bound to the Python that made it.
    if ! "$APP/.venv/bin/python" -c 'import pip' 2>/dev/null; then
        say "Making a virtual environment in $APP/.venv"
        rm -rf "$APP/.venv"
        /usr/bin/python3 -m venv "$APP/.venv"
    fi
    say "Installing the packages"
    "$APP/.venv/bin/pip" install -q --disable-pip-version-check -r "$APP/requirements.txt" || stop \
        "pip could not install it." "See its words above; run this again when that is mended."
    say "Compiling, for a quicker start"
    "$APP/.venv/bin/python" -m compileall -q "$APP/stashbot" "$APP/.venv" >/dev/null || true
    chmod -R go=rX "$APP/.venv"
}

# Without fonts all works but the picture under /stats; a package must not be installed unasked.
check_fonts() {
    local found
    found=$(find /usr/share/fonts /usr/local/share/fonts -name '*.[ot]t[fc]' -print -quit 2>/dev/null) ||
        true # one of the folders may be missing
    [ -n "$found" ] || say "There are no fonts for the picture under /stats." \
        "Run: apt install fonts-dejavu-core"
}

# ask TEXT [hidden]: one line from the terminal, or from the pipe; in $REPLY.
ask() {
    REPLY=
    if [ -t 0 ] && [ "${2-}" = hidden ]; then
        read -rsp "$1: " || true
        say
    elif [ -t 0 ]; then
        read -rp "$1: " || true
    else
        read -r || true
    fi
}

# store FILE TEXT: for root's eyes alone, from the first byte on.
store() {
    (umask 077 && printf '%s' "$2" >"$1.new" && mv "$1.new" "$1")
}

write_settings() {
    install -d -m 755 "$CONFIG"
    if [ ! -s "$CONFIG/telegram_token" ]; then
        ask "The bot's token, from @BotFather (it is not shown)" hidden
        [[ $REPLY =~ ^[0-9]+:[A-Za-z0-9_-]+$ ]] || stop "That is no token." \
            "Copy it from @BotFather: digits, a colon, letters. Then run this again."
        say "Storing the token in $CONFIG/telegram_token, for root alone"
        store "$CONFIG/telegram_token" "$REPLY"
    fi
    if [ ! -e "$CONFIG/settings.toml" ]; then
        ask "Your own user id in Telegram, a number"
        [[ $REPLY =~ ^[1-9][0-9]{0,15}$ ]] || stop "That is no user id." \
            "Any id bot in Telegram tells you yours. Then run this again."
        local user=$REPLY
        ask "Stash's address (empty: http://localhost:9999)"
        local stash=${REPLY:-http://localhost:9999}
        [[ $stash =~ ^https?://[^\"\\[:space:]|]+$ ]] || stop "That is no address." \
            "It begins with http:// or https://. Then run this again."
        say "Writing $CONFIG/settings.toml"
        sed -e "s|^allowed_users = .*|allowed_users = [$user]|" \
            -e "s|^url = .*|url = \"$stash\"|" "$APP/settings.toml" >"$CONFIG/settings.toml.new"
        chmod 644 "$CONFIG/settings.toml.new"
        mv "$CONFIG/settings.toml.new" "$CONFIG/settings.toml"
    fi
    if [ ! -e "$CONFIG/stash_api_key" ]; then
        ask "Stash's API key (empty if Stash asks for no password; it is not shown)" hidden
        say "Storing Stash's key in $CONFIG/stash_api_key, for root alone"
        store "$CONFIG/stash_api_key" "$REPLY"
    fi
}

install_unit() {
    say "Installing $UNIT"
    install -m 644 "$APP/systemd/stashbot.service" "$UNIT"
    systemctl daemon-reload
    systemctl enable --quiet stashbot
}

try_out() {
    say "Trying the settings, as the service's own user:"
    systemd-run --quiet --pipe --wait --collect -p DynamicUser=yes -p User=stashbot \
        -p StateDirectory=stashbot -p StateDirectoryMode=0700 -p UMask=0077 \
        -p LoadCredential=telegram_token:$CONFIG/telegram_token \
        -p LoadCredential=stash_api_key:$CONFIG/stash_api_key \
        -E STASHBOT_SETTINGS=$CONFIG/settings.toml \
        $APP/.venv/bin/python $APP/stashbot.py check </dev/null
}

not_started() {
    stop "systemd could not start it." "Look at: systemctl status stashbot"
}

start() {
    if systemctl is-active --quiet stashbot; then
        say "Restarting it"
        systemctl restart stashbot || not_started
    elif try_out; then
        say "Starting it"
        systemctl start stashbot || not_started
    else
        stop "It is installed, and not started." \
            "Mend the faults above in $CONFIG/settings.toml, then run this again."
    fi
    say "It runs. See: systemctl status stashbot; journalctl -u stashbot"
}

uninstall() {
    say "Stopping and removing the service"
    systemctl disable --now --quiet stashbot 2>/dev/null || true
    rm -f "$UNIT"
    systemctl daemon-reload
    say "Removing $APP"
    rm -rf "$APP"
    if [ "${1-}" = --purge ]; then
        say "Removing $CONFIG and $STATE"
        rm -rf "$CONFIG" "$STATE" /var/lib/stashbot "$CACHE" /var/cache/stashbot
    else
        say "The settings in $CONFIG and the history in $STATE stay."
    fi
}

main() {
    check_machine "$@"
    case "$*" in
        "")
            copy_program
            make_environment
            check_fonts
            write_settings
            install_unit
            start
            ;;
        --uninstall) uninstall ;;
        "--uninstall --purge") uninstall --purge ;;
        *) stop "What is $*?" "Say nothing, --uninstall, or --uninstall --purge." ;;
    esac
}

main "$@"
