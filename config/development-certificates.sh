#!/bin/sh
# Makes a certificate authority and a server certificate for localhost, for development and tests
# only: ca.pem, ca-key.pem, cert.pem and key.pem in the given directory.
set -eu
directory=${1:?usage: development-certificates.sh DIRECTORY}
umask 077
mkdir -p "$directory"
cd "$directory"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -days 825 -nodes \
    -subj "/CN=Tollgate development authority" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout ca-key.pem -out ca.pem 2>/dev/null

openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -nodes \
    -subj "/CN=localhost" -keyout key.pem -out request.pem 2>/dev/null
cat >extensions.cnf <<EXTENSIONS
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
EXTENSIONS
openssl x509 -req -sha256 -days 825 -in request.pem -CA ca.pem -CAkey ca-key.pem \
    -set_serial "0x$(openssl rand -hex 16)" -extfile extensions.cnf -out cert.pem 2>/dev/null
rm -f request.pem extensions.cnf
