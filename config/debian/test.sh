#!/bin/bash
# Installs the package in a root of its own (Debian 12, debootstrap's minbase, kept for the next run), and looks at each
# step: test.sh DIRECTORY VERSION LATER-VERSION. As root; what it mounts and listens on is in namespaces of its own.
#
# First without systemd: the gateway is started with the unit's own command line, as the unit's user. Then systemd runs in
# there, and the gateway is its service.
set -euo pipefail
directory=$(realpath "${1:?usage: test.sh DIRECTORY VERSION LATER-VERSION}")
version=${2:?} later=${3:?}
here=$(realpath "$(dirname "$0")")
[ "$(id -u)" = 0 ] || { echo "test.sh: as root, for chroot" >&2; exit 1; }
base=$directory/base root=$directory/chroot architecture=$(dpkg --print-architecture)

step() { echo "== $(date +%T) $*"; }
fail() { echo "FAILED: $*" >&2; tail -n 30 "$directory/serve.log" >&2 || true; exit 1; }
expect() { [ "$2" = "$3" ] || fail "$1: $2, not $3"; }

if [ -z "${TOLLGATE_DEB_TEST:-}" ]; then
    if [ ! -e "$base/etc/debian_version.done" ]; then
        step "debootstrap of Debian 12, minbase"
        rm -rf "$base"
        debootstrap --variant=minbase bookworm "$base" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$directory/debootstrap.log"
        touch "$base/etc/debian_version.done"
    fi
    rm -rf "$root"
    cp -a "$base" "$root"
    # Mounts and processes go with this one; the network for apt is taken away by the steps that serve.
    TOLLGATE_DEB_TEST=1 exec unshare --mount --pid --fork --kill-child "$0" "$directory" "$version" "$later"
fi
mount --make-rprivate /
mount -t proc proc /proc
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# Not in /tmp, which systemd empties.
cp "$directory/tollgate_${version}_$architecture.deb" "$directory/later/tollgate_${later}_$architecture.deb" "$root/opt"
: >"$directory/serve.log"

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/ "$@"; }
package() { inside apt-get -q -y --no-install-recommends "$@" >>"$directory/apt.log" 2>&1 || { tail -n 20 "$directory/apt.log"; fail "apt-get $*"; }; }
verb() { nsenter --net="/proc/$gateway/ns/net" chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin "$@"; }
admin() { verb tollgate "$@" --token-file /var/lib/tollgate/admin.token; }

serve() {
    local unit=$root/usr/lib/systemd/system/tollgate.service
    local command; command=$(sed -n 's/^ExecStart=//p' "$unit")
    unshare --net sh -c 'ip link set lo up && exec chroot "$@"' serve "$root" /usr/bin/env -i PATH=/usr/bin:/bin \
        sh -c "cd /var/lib/tollgate && umask 0077 && exec setpriv --reuid tollgate --regid tollgate --clear-groups \
        --no-new-privs --bounding-set=-all $command" 2>>"$directory/serve.log" &
    gateway=$!
    for _ in $(seq 100); do
        if probed=$(verb tollgate probe --url mqtts://127.0.0.1:8883 --ca /etc/tollgate/tls/ca.pem \
            --http http://127.0.0.1:8080 2>&1); then echo "   $probed"; return; fi
        kill -0 "$gateway" 2>/dev/null || fail "the gateway has ended"
        sleep 0.2
    done
    fail "no answer: $probed"
}

drain() {
    kill -TERM "$gateway"
    wait "$gateway" || fail "the gateway ended with $?"
}

step "install $version"
package update
package install "/opt/tollgate_${version}_$architecture.deb"
expect "the user" "$(inside getent passwd tollgate | cut -d: -f1,6,7)" "tollgate:/var/lib/tollgate:/usr/sbin/nologin"
for place in /var/lib/tollgate /var/lib/tollgate.secrets /var/backups/tollgate; do
    expect "$place" "$(inside stat -c '%a %U %G' "$place")" "700 tollgate tollgate"
done
expect "/etc/tollgate/tls" "$(inside stat -c '%a %U %G' /etc/tollgate/tls)" "750 root tollgate"
expect "conffiles" "$(inside dpkg-query -W -f '${Conffiles}' tollgate | awk 'NF { print $1 }')" "/etc/tollgate/tollgate.yaml"
expect "processes of its user" "$(inside sh -c 'grep -l "^Uid:.$(id -u tollgate)" /proc/[0-9]*/status | wc -l')" "0"
[ -z "$(find "$root/etc/systemd/system" -name 'tollgate*')" ] || fail "the unit is enabled"
inside systemd-analyze verify --man=no /usr/lib/systemd/system/tollgate.service || fail "the unit"
for program in tollgate tollgate-load; do
    inside bash -n "/usr/share/bash-completion/completions/$program" || fail "bash completion of $program"
    [ -e "$root/usr/share/man/man1/$program.1.gz" ] || fail "no manual page of $program"
    missing=$(inside ldd "/usr/bin/$program" | grep -c 'not found\|swift\|icu' || true)
    expect "libraries of $program that are missing, or Swift's" "$missing" "0"
done
expect "--version" "$(inside tollgate --version | cut -d' ' -f1)" "tollgate"
changed=$(inside dpkg --verify tollgate)
expect "dpkg --verify" "$changed" ""

step "without a certificate it says what is missing"
if inside setpriv --reuid tollgate --regid tollgate --clear-groups tollgate serve --config /etc/tollgate/tollgate.yaml \
    2>>"$directory/serve.log"; then fail "it serves without a certificate"; fi
grep -q /etc/tollgate/tls/cert.pem "$directory/serve.log" || fail "no word of the certificate"

step "serve, as the unit does"
"$here/../development-certificates.sh" "$root/etc/tollgate/tls"
inside chgrp tollgate /etc/tollgate/tls/cert.pem /etc/tollgate/tls/key.pem /etc/tollgate/tls/ca.pem
inside chmod 640 /etc/tollgate/tls/cert.pem /etc/tollgate/tls/key.pem
inside chmod 644 /etc/tollgate/tls/ca.pem
serve
admin account create --id acme --name 'Acme Ltd.' --kind enterprise >/dev/null
admin backup /var/backups/tollgate/first --data /var/lib/tollgate >/dev/null
[ -e "$root/var/backups/tollgate/first/ledger/data.mdb" ] || fail "no backup"
loaded=$(verb tollgate-load activate --url mqtts://127.0.0.1:8883 --ca /etc/tollgate/tls/ca.pem --quiet --count 20 \
    --fleet /opt/fleet.csv --prepare 20 --token-file /var/lib/tollgate/admin.token 2>&1) || fail "tollgate-load: $loaded"
drain

step "upgrade to $later; the operator's configuration stays"
echo '# The operator was here.' >>"$root/etc/tollgate/tollgate.yaml"
package install "/opt/tollgate_${later}_$architecture.deb"
expect "the version" "$(inside dpkg-query -W -f '${Version}' tollgate)" "$later"
expect "the configuration's last line" "$(tail -n 1 "$root/etc/tollgate/tollgate.yaml")" "# The operator was here."
serve
admin account show acme >/dev/null || fail "the account is gone"
drain
inside setpriv --reuid tollgate --regid tollgate --clear-groups tollgate check --data /var/lib/tollgate || fail "the books"

step "remove"
package remove tollgate
[ ! -e "$root/usr/bin/tollgate" ] && [ ! -e "$root/usr/bin/tollgate-load" ] || fail "the binaries are there"
[ -e "$root/etc/tollgate/tollgate.yaml" ] || fail "the configuration is gone"
[ -e "$root/var/lib/tollgate/ledger/data.mdb" ] || fail "the stores are gone"

step "purge; stores, secrets, backups and their owner stay"
package purge tollgate
[ ! -e "$root/etc/tollgate/tollgate.yaml" ] || fail "the configuration is there"
for place in /etc/tollgate/tls/key.pem /var/lib/tollgate/ledger/data.mdb /var/lib/tollgate.secrets/device-secrets.key \
    /var/backups/tollgate/first/ledger/data.mdb; do
    [ -e "$root$place" ] || fail "$place is gone"
done
expect "the owner" "$(inside stat -c '%U' /var/lib/tollgate)" tollgate
left=$(find "$root/usr" "$root/lib" "$root/etc" -path "$root/etc/tollgate/tls*" -prune -o -name '*tollgate*' -print | grep -v "^$root/etc/tollgate$" || true)
expect "what is left of it" "$left" ""

step "and installed again it serves the same books"
package install "/opt/tollgate_${later}_$architecture.deb"
serve
admin account show acme >/dev/null || fail "the account is gone"
drain
step "under systemd: it starts when it is enabled, and says when it serves"
for place in dev run proc; do umount -R "$root/$place"; done
inside systemd-machine-id-setup >/dev/null 2>&1
unshare --mount --pid --fork --net --cgroup --uts --ipc --kill-child "$here/boot.sh" "$root" >"$directory/boot.log" 2>&1 &
machine=$!
booted() {
    local systemd=
    read -r systemd <"/proc/$machine/task/$machine/children" || [ -n "$systemd" ] || return 1
    nsenter --target "$systemd" --mount --pid --net --cgroup --uts --ipc "$@"
}
property() { booted systemctl show --property "$1" --value tollgate.service; }
probe() { booted tollgate probe --url mqtts://127.0.0.1:8883 --ca /etc/tollgate/tls/ca.pem --http http://127.0.0.1:8080; }
awaits() { for _ in $(seq 300); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.2; done; fail "in vain: $*"; }
journal() { booted journalctl --no-pager --unit tollgate.service >"$directory/journal.log"; tail -n 30 "$directory/journal.log"; }
said() { journal >/dev/null; grep -q -- "$1" "$directory/journal.log"; }
awaits booted systemctl list-units
expect "before it is enabled" "$(property ActiveState)" inactive
# A limit for a test; the unit's is 30 s.
mkdir -p "$root/etc/systemd/system/tollgate.service.d"
printf '[Service]\nWatchdogSec=4\n' >"$root/etc/systemd/system/tollgate.service.d/test.conf"
booted systemctl daemon-reload
# Returns when it has said READY=1.
booted systemctl enable --now tollgate.service 2>/dev/null || { journal; fail "it does not start"; }
probe || { journal; fail "no answer"; }
expect "its state" "$(property SubState)" running
expect "its user" "$(booted stat -c %U "/proc/$(property MainPID)")" tollgate

step "under systemd: reload, a process that stands still, another version, stop, removal"
main=$(property MainPID)
booted systemctl reload tollgate.service
runs() { [ "$(property SubState)" = running ]; }
awaits runs
expect "after a reload, the process" "$(property MainPID)" "$main"
sleep 6
expect "restarts of one that lives" "$(property NRestarts)" 0
booted kill -STOP "$main"
restarted() { [ "$(property NRestarts)" = 1 ] && runs; }
awaits restarted
awaits said 'Watchdog timeout'
main=$(property MainPID)
booted dpkg -i --force-downgrade "/opt/tollgate_${version}_$architecture.deb" >>"$directory/apt.log" 2>&1 || { tail -n 5 "$directory/apt.log"; fail "dpkg -i"; }
[ "$(property MainPID)" != "$main" ] || fail "the old version runs"
probe || { journal; fail "no answer"; }
booted systemctl stop tollgate.service
expect "its end" "$(property Result)" success
awaits said ' drained$'
booted systemctl start tollgate.service
booted dpkg -r tollgate >>"$directory/apt.log" 2>&1 || { tail -n 5 "$directory/apt.log"; fail "dpkg -r"; }
expect "after it was removed" "$(booted systemctl is-enabled tollgate.service 2>/dev/null)" ""
booted sh -c '! pidof tollgate' >/dev/null || fail "it still runs"
step "all is well"
