#!/bin/sh
# Makes a Debian package of what `make install` installs: build.sh VERSION DIRECTORY. Prints the package's path.
#
# The package has no copies of libraries: it depends on those that the binaries are linked with, as dpkg-shlibdeps finds them,
# and config/docker/Dockerfile must name the same.
set -eu
version=${1:?usage: build.sh VERSION DIRECTORY}
directory=${2:?usage: build.sh VERSION DIRECTORY}
here=$(dirname "$0")
mkdir -p "$directory"
root=$directory/root
rm -rf "$root" "$directory/shlibs" "$directory"/tollgate_*.deb
umask 022

make --no-print-directory --silent install DESTDIR="$root" PREFIX=/usr
mkdir -p "$root/DEBIAN" "$directory/shlibs/debian"
find "$root/etc" -type f -printf '/etc/%P\n' | sort >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$root/DEBIAN/$script"; done

# Debian's copyright(5), and its changelog; ours is in the same directory.
{
    echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    echo "Upstream-Name: tollgate"
    echo "Files: *"
    echo "Copyright: the authors of Tollgate"
    echo "License: Apache-2.0"
    echo " On Debian systems the text is in /usr/share/common-licenses/Apache-2.0."
} >"$root/usr/share/doc/tollgate/copyright"
{
    echo "tollgate ($version) unstable; urgency=medium"
    echo
    echo "  * What has changed is in CHANGELOG.md.gz."
    echo
    echo " -- Tollgate <root@localhost>  $(date -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$root/usr/share/doc/tollgate/changelog.gz"

touch "$directory/shlibs/debian/control"
binary=$(realpath "$root/usr/bin/tollgate")
load=$(realpath "$root/usr/bin/tollgate-load")
# tollgate is not linked with libcurl, which its verbs load: the courier's says which package that is, and verbs want 7.85.
courier=$(realpath "$root/usr/libexec/tollgate-courier")
libraries=$(cd "$directory/shlibs" && dpkg-shlibdeps -O -e"$binary" -e"$load" -e"$courier" |
    sed -n 's/^shlibs:Depends=//p' | sed 's/\(libcurl4[a-z0-9]*\) ([^)]*)/\1 (>= 7.85)/')
case $libraries in *libcurl4*) ;; *) echo "libcurl is not among: $libraries" >&2; exit 1 ;; esac
for library in $(echo "$libraries" | sed 's/([^)]*)//g; s/,/ /g'); do
    grep -qw -- "$library" "$here/../docker/Dockerfile" || [ "$library" = libc6 ] ||
        { echo "config/docker/Dockerfile: $library is missing" >&2; exit 1; }
done

cat >"$root/DEBIAN/control" <<CONTROL
Package: tollgate
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: Tollgate <root@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $libraries, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles, procps
Recommends: ca-certificates
Section: net
Priority: optional
Description: gateway that activates, admits and meters MQTT devices
 A device's first connection consumes one activation code of its product's pool,
 durably. While the code's validity runs the device comes and goes freely; its
 messages are counted against a daily allowance. Applications receive what it
 sends, and send to it.
 .
 The gateway is not started before its certificate is in /etc/tollgate/tls.
CONTROL
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 644 "$root"/DEBIAN/conffiles "$root"/DEBIAN/control "$root"/DEBIAN/md5sums

package=$directory/tollgate_${version}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package"
