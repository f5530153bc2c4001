#!/usr/bin/env bash
# Installs stashbot as a systemd service, or upgrades it; run it again as often as you like.
set -euo pipefail

# The service's own user must read the program, with any umask of root.
umask 022

readonly APP=/opt/stashbot CONFIG=/etc/stashbot UNIT=/etc/systemd/system/stashbot.service
readonly COMMAND=/usr/local/bin/stashbot
readonly STATE=/var/lib/private/stashbot
readonly CACHE=/var/cache/private/stashbot
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly SOURCE

usage() {
    cat <<'END'
sudo systemd/install.sh                       install, or upgrade to this version
sudo systemd/install.sh --reconfigure         ask all questions again
sudo systemd/install.sh --uninstall           remove it; settings and history stay
sudo systemd/install.sh --uninstall --purge   remove it with all that it knows
     systemd/install.sh --help                this text

It asks for the bot's token and Stash's address, for Stash's API key if Stash has a password, and
tries each answer at once. The answers may also come from a pipe, a line each.
END
}

say() { printf '%s\n' "$*"; }

# stop FAULT REMEDY: end with the fault and its remedy.
stop() {
    printf '%s\n  %s\n' "$1" "$2" >&2
    exit 1
}

check_machine() {
    [ "$(id -u)" = 0 ] || stop "This needs root." "Run: sudo $0 $*"
    [ -d /run/systemd/system ] || stop "systemd does not run here." \
        "Run the bot by hand or in a container instead; docs/operations.md says how."
    [ -w "${UNIT%/*}" ] || stop "${UNIT%/*} cannot be written." \
        "Run the bot in a container instead; docs/operations.md says how."
}

# The service's user cannot read an interpreter below a home directory, also through a link.
readonly USABLE='
import ensurepip, sys
sys.exit(sys.version_info < (3, 11) or sys.base_prefix.startswith(("/home/", "/root/")))'

find_python() {
    local name
    for name in python3 python3.{11..19}; do
        PYTHON=$(PATH=/usr/bin:/usr/local/bin command -v "$name") || continue
        "$PYTHON" -c "$USABLE" 2>/dev/null && return
    done
    stop "There is no Python 3.11 or newer that can make an environment." "$(python_remedy)"
}

python_remedy() {
    # shellcheck source=/dev/null
    case " $(. /etc/os-release 2>/dev/null && printf %s "$ID ${ID_LIKE-}") " in
        *" debian "* | *" ubuntu "*)
            say "Run: apt install python3-venv (Debian 12, Ubuntu 24.04 or newer)."
            ;;
        *" rhel "*) say "Run: dnf install python3.11" ;;
        *" fedora "*) say "Run: dnf install python3" ;;
        *" arch "*) say "Run: pacman -S python" ;;
        *) say "Install it with its modules venv and ensurepip, then run this again." ;;
    esac
}

# install_packages FOLDER OPTION...: what pip installs, by its hashes alone.
install_packages() {
    "$1/.venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes \
        --only-binary :all: "${@:2}" || stop "pip could not install them." \
        "See its words above; run this again when that is mended."
}

# build FOLDER: the program, complete and compiled, for a quicker start.
build() {
    say "Putting the program together in $1"
    # Half a version on a full disk would be in the way of the bot that runs.
    UNFINISHED=$1
    trap 'rm -rf "$UNFINISHED"; say "This version is removed; nothing else has changed." >&2' EXIT
    rm -rf "$1"
    install -d -m 755 "$1"
    cp -R --no-preserve=ownership "$SOURCE"/{docs,stashbot,systemd,stashbot.py,requirements.txt} "$1/"
    cp --no-preserve=ownership "$SOURCE"/{settings.toml,README{,.ru}.md,CHANGELOG.md,LICENSE} "$1/"
    make_environment "$1"
    "$1/.venv/bin/python" -m compileall -q "$1/stashbot" >/dev/null || true
    chmod -R u=rwX,go=rX "$1/"{docs,stashbot,systemd}
    trap - EXIT
}

# make_environment FOLDER: its packages; those of the installed version, if they are the same.
make_environment() {
    # An environment is bound to the Python that made it.
    if cmp -s {"$APP","$1"}/systemd/requirements.lock &&
        [ "$("$APP/.venv/bin/python" -V)" = "$("$PYTHON" -V)" ]; then
        cp -a "$APP/.venv" "$1/"
        return
    fi
    "$PYTHON" -m venv "$1/.venv"
    say "Installing the packages"
    install_packages "$1" -r "$1/systemd/build.lock"
    # The one package without a wheel is built by those of build.lock.
    install_packages "$1" --no-binary pyvips --no-build-isolation -r "$1/systemd/requirements.lock"
    "$1/.venv/bin/python" -m compileall -q "$1/.venv" >/dev/null || true
    chmod -R go=rX "$1/.venv"
}

# Without fonts all works but the picture under /stats; a package must not be installed unasked.
check_fonts() {
    local found
    found=$(find /usr/share/fonts /usr/local/share/fonts -name '*.[ot]t[fc]' -print -quit 2>/dev/null) ||
        true # one of the folders may be missing
    [ -n "$found" ] || say "There are no fonts for the picture under /stats." \
        "Install DejaVu; on Debian: apt install fonts-dejavu-core"
}

# try_settings FOLDER: whether this version understands the settings.
try_settings() {
    STASHBOT_SETTINGS=$CONFIG/settings.toml CREDENTIALS_DIRECTORY=$CONFIG \
        "$1/.venv/bin/python" "$1/stashbot.py" check --settings-only || stop \
        "The new version does not take the settings." \
        "Mend $CONFIG/settings.toml, then run this again. Nothing has changed yet."
}

# ask FOLDER: the questions, by the program in the folder.
ask() {
    install -d -m 755 "$CONFIG"
    (cd "$1" && .venv/bin/python -m stashbot.cli.setup "$CONFIG")
}

has_answers() {
    [ -s "$CONFIG/telegram_token" ] && [ -e "$CONFIG/settings.toml" ] &&
        [ -e "$CONFIG/stash_api_key" ]
}

# use FOLDER: make it the installed version, in one step.
use() {
    ln -sfn "$(basename "$1")" "$APP.link"
    mv -T "$APP.link" "$APP"
    install -m 644 "$APP/systemd/stashbot.service" "$UNIT.new"
    mv "$UNIT.new" "$UNIT"
    ln -sfn "$APP/systemd/stashbot.sh" "$COMMAND"
    systemctl daemon-reload
    systemctl enable --quiet stashbot
    # So that many starts in a short time are no fault.
    systemctl reset-failed stashbot 2>/dev/null || true
}

# swap OLD NEW: replace a running version, or go back to it with its database.
swap() {
    systemctl stop stashbot
    rm -rf "$STATE.old"
    [ ! -d "$STATE" ] || cp -a "$STATE" "$STATE.old" || {
        rm -rf "$STATE.old" "$2"
        stop "The history cannot be copied, and the old version runs again." \
            "Free some space on the disk, then run this again."
    }
    # An earlier installer made a folder of it.
    [ -L "$APP" ] || mv -T "$APP" "$1"
    use "$2"
    if systemctl restart stashbot; then
        rm -rf "$STATE.old" "$1"
        return
    fi
    go_back "$1"
    rm -rf "$2"
    stop "The new version does not start, and the old one runs again." \
        "Look at: sudo stashbot logs errors"
}

# go_back OLD: the old version, and the database that it had.
go_back() {
    systemctl stop stashbot
    if [ -d "$STATE.old" ]; then
        mv -T "$STATE" "$STATE.new"
        mv -T "$STATE.old" "$STATE"
        rm -rf "$STATE.new"
    fi
    use "$1"
    systemctl start stashbot || not_started
}

not_started() {
    stop "systemd could not start it." "Look at: stashbot status"
}

first_start() {
    use "$1"
    say "Trying everything, as the service's own user:"
    "$COMMAND" check || stop "It is installed, and not started." \
        "Mend the faults above, then run: sudo stashbot reconfigure"
    say "Starting it"
    systemctl start stashbot || not_started
    say "It runs. See: stashbot status; sudo stashbot logs"
    ! grep -q '^allowed_users = \[\]' "$CONFIG/settings.toml" || say \
        "It has no owner yet. See the link for you: sudo stashbot logs today | grep pairing_code"
}

set_up() {
    [ "$SOURCE" != "$APP" ] || stop "This folder is where the program is to be installed." \
        "Copy it, such as to /root/stashbot, and run the systemd/install.sh there."
    case $(systemctl is-active stashbot-upgrade) in
        active | activating | deactivating)
            stop "An upgrade is under way." \
                "Wait for its end, a few minutes at most, then run this again."
            ;;
    esac
    find_python
    local old=$APP-old new=$APP-a
    if [ -L "$APP" ]; then
        old=${APP%/*}/$(readlink "$APP")
        [ "$old" != "$new" ] || new=$APP-b
    fi
    build "$new"
    check_fonts
    has_answers || ask "$new"
    try_settings "$new"
    if [ ! -e "$APP" ]; then
        first_start "$new"
        return
    fi
    say "Replacing the version that runs"
    # In a unit of its own, so that nothing interrupts it; the bot runs after it, however it ends.
    systemd-run --quiet --pipe --wait --collect --unit=stashbot-upgrade \
        -p ExecStopPost="systemctl start stashbot" \
        "$new/systemd/install.sh" --swap "$old" "$new" </dev/null
    say "It runs. See: stashbot status; sudo stashbot logs"
}

reconfigure() {
    [ -e "$APP/.venv" ] || stop "It is not installed." "Run this without --reconfigure."
    ask "$APP"
    say "Starting it with these answers"
    systemctl restart stashbot || not_started
}

uninstall() {
    say "Stopping and removing the service"
    systemctl disable --now --quiet stashbot 2>/dev/null || true
    rm -f "$UNIT" "$COMMAND"
    systemctl daemon-reload
    say "Removing $APP"
    rm -rf "$APP" "$APP"-{a,b,old}
    if [ "${1-}" = --purge ]; then
        say "Removing $CONFIG and $STATE"
        rm -rf "$CONFIG" "$STATE" "$STATE.old" /var/lib/stashbot "$UNIT.d"
        rm -rf "$CACHE" /var/cache/stashbot
    else
        say "The settings in $CONFIG and the history in $STATE stay."
    fi
}

main() {
    [ "$*" != --help ] || { usage && return; }
    check_machine "$@"
    case "$*" in
        "") set_up ;;
        --reconfigure) reconfigure ;;
        --uninstall) uninstall ;;
        "--uninstall --purge") uninstall --purge ;;
        "--swap "*) swap "$2" "$3" ;;
        *) stop "What is $*?" "Run: $0 --help" ;;
    esac
}

main "$@"
