#!/bin/sh
# Starts Mosquitto with our own account in its password file, and with TLS where there is a certificate. Makes it read
# those files again when they have changed: `nuanshao broker-access` writes the devices' accounts, you renew the other.
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
if [ -e "$certificates/server.pem" ] || [ -e "$certificates/server.key" ]; then
    # who has put one there believes in a door with TLS: better none at all than the other one alone
    for each in server.pem server.key; do
        if [ ! -r "$certificates/$each" ]; then
            echo "deploy/certificates/$each is missing, or uid $(id -u) may not read it" >&2
            exit 2
        fi
    done
    printf 'listener 8883\ncertfile %s\nkeyfile %s\ntls_version tlsv1.2\n' \
        "$certificates/server.pem" "$certificates/server.key" >"$listeners/tls.conf"
fi

stamp() {
    stat -L -c '%i %s %Y' "$file" "$certificates/server.pem" "$certificates/server.key" 2>/dev/null || true
}
content() {
    cat "$file" "$certificates/server.pem" "$certificates/server.key" 2>/dev/null | cksum
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
