#!/usr/bin/env bash
# Looks after the installed service; installed as /usr/local/bin/stashbot.
set -euo pipefail

readonly CONFIG=/etc/stashbot
APP=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
readonly APP

usage() {
    cat <<'END'
stashbot check                     try the settings, Telegram and Stash
stashbot status                    how it is
stashbot logs [-f] [today|errors]  its log; -f follows it
stashbot backup FILE               copy the history into a file, also while it runs
stashbot restore FILE              put such a copy in place, while it is stopped
stashbot reconfigure               answer the installer's questions again
END
}

need_root() {
    [ "$(id -u)" = 0 ] || {
        printf 'This needs root.\n  Run: sudo stashbot %s\n' "$*" >&2
        exit 1
    }
}

# as_service COMMAND...: a command of the program as the service's user, with its settings.
as_service() {
    local environment
    environment=$(systemctl show -P Environment stashbot)
    # Without StateDirectoryMode= it would open the running bot's directory to others.
    systemd-run --quiet --pipe --wait --collect \
        -p DynamicUser=yes -p User=stashbot -p UMask=0077 -p "Environment=$environment" \
        -p StateDirectory=stashbot -p StateDirectoryMode=0700 \
        -p CacheDirectory=stashbot -p CacheDirectoryMode=0700 \
        -p LoadCredential=telegram_token:$CONFIG/telegram_token \
        -p LoadCredential=stash_api_key:$CONFIG/stash_api_key -p SetCredential='stash_api_key:\n' \
        "$APP/.venv/bin/python" "$APP/stashbot.py" "$@"
}

# The file is opened here: the service's user may not reach it.
backup() {
    [ "$1" != - ] || {
        as_service backup - </dev/null
        return
    }
    new=$(mktemp "$1.XXXXXX")
    trap 'rm -f "$new"' EXIT
    as_service backup - </dev/null >"$new"
    mv -T "$new" "$1"
}

restore() {
    [ "$1" = - ] || exec <"$1"
    as_service restore -
}

logs() {
    local options=() word
    for word in "$@"; do
        case $word in
            -f) options+=(-f) ;;
            today) options+=(-S today) ;;
            errors) options+=(-p err) ;;
            *) wrong ;;
        esac
    done
    exec journalctl -u stashbot "${options[@]}"
}

wrong() {
    usage >&2
    exit 2
}

main() {
    case "$#:${1-}" in
        1:check | 2:backup | 2:restore | 1:reconfigure) need_root "$@" ;;&
        1:check) as_service check </dev/null ;;
        1:status) exec systemctl --no-pager status stashbot ;;
        *:logs) logs "${@:2}" ;;
        2:backup) backup "$2" ;;
        2:restore) restore "$2" ;;
        1:reconfigure) exec "$APP/systemd/install.sh" --reconfigure ;;
        1:--help) usage ;;
        *) wrong ;;
    esac
}

main "$@"
