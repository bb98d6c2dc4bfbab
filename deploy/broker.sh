#!/bin/sh
# Starts Mosquitto with our own account in its password file, and makes it read that file again when it has changed:
# `nuanshao broker-access` writes the devices' accounts into it.
set -eu
umask 077

config=${1:-/mosquitto/deploy/mosquitto.conf}
file=${2:-/mosquitto/config/passwords}

# our account first, the devices' lines as they were; -U hashes in place, so the password is in no argument list
new="$file.starting"
printf 'nuanshao:%s\n' "$MQTT_PASSWORD" >"$new"
mosquitto_passwd -U "$new"
if [ -f "$file" ]; then
    grep -v '^nuanshao:' "$file" >>"$new" || true
fi
mv "$new" "$file"
unset MQTT_PASSWORD

# a second door with TLS, where a certificate and its key are mounted (deploy/certificates/README.md)
listeners=/tmp/listeners
certificates=/mosquitto/certificates
mkdir -p "$listeners"
rm -f "$listeners/tls.conf"
if [ -f "$certificates/server.pem" ] && [ -f "$certificates/server.key" ]; then
    printf 'listener 8883\ncertfile %s\nkeyfile %s\ntls_version tlsv1.2\n' \
        "$certificates/server.pem" "$certificates/server.key" >"$listeners/tls.conf"
fi

stamp() {
    stat -c '%i %s %Y' "$file" 2>/dev/null || true
}
content() {
    cksum <"$file" 2>/dev/null || true
}

# reading it again makes the broker check every connected device, so only where the content is another one
seen=$(stamp)
told=$(content)
(
    while sleep 1; do
        now=$(stamp)
        [ "$now" = "$seen" ] && continue
        seen=$now
        now=$(content)
        [ "$now" = "$told" ] && continue
        told=$now
        kill -HUP 1
    done
) &

exec mosquitto -c "$config"
