#!/usr/bin/env bash
# Makes the time-stamp tokens of the tests with OpenSSL 3: authorities of its own, good tokens and bad ones.
# Run in this folder; what it writes is committed, private keys are not kept. Names are invented.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
printf 'the harbour is quiet tonight\n' > message.txt
printf 'the harbour is quiet no more\n' > other.txt

rsa() { openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$1.key"; }
ec() { openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$1.key"; }
root() { # root NAME SUBJECT
  openssl req -x509 -new -key "$1.key" -sha256 -days 36500 -subj "$2" -out "$1.pem" -config /dev/stdin <<CONF
[req]
distinguished_name = dn
x509_extensions = ext
prompt = no
[dn]
[ext]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
CONF
}
issue() { # issue NAME SUBJECT ISSUER DIGEST FROM UNTIL EXTENSIONS
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  rm -rf db && mkdir db && touch db/index && openssl rand -hex 8 > db/serial
  cat > ca.cnf <<CONF
[ca]
default_ca = me
[me]
database = db/index
serial = db/serial
new_certs_dir = db
default_md = $4
policy = any
x509_extensions = ext
unique_subject = no
[any]
commonName = supplied
organizationName = optional
[ext]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
$7
CONF
  openssl ca -batch -notext -config ca.cnf -cert "$3.pem" -keyfile "$3.key" -in "$1.csr" -startdate "$5" -enddate "$6" -out "$1.pem" 2> /dev/null
}
STAMPS=$'basicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = critical,timeStamping'
FROM=20200101000000Z; UNTIL=21200101000000Z

ec root P-256; root root "/CN=Lighthouse Root/O=Example Time"
rsa root-rsa 2048; root root-rsa "/CN=Lighthouse RSA Root/O=Example Time"
ec stranger P-256; root stranger "/CN=Stranger Root/O=Elsewhere"
ec middle P-384; issue middle "/CN=Lighthouse Middle/O=Example Time" root sha256 $FROM $UNTIL $'basicConstraints = critical,CA:TRUE,pathlen:0\nkeyUsage = critical,keyCertSign'
ec not-ca P-256; issue not-ca "/CN=Lighthouse Clerk/O=Example Time" root sha256 $FROM $UNTIL $'basicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature'

rsa tsa-rsa 2048; issue tsa-rsa "/CN=Stamp RSA/O=Example Time" root-rsa sha256 $FROM $UNTIL "$STAMPS"
ec tsa-p256 P-256; issue tsa-p256 "/CN=Stamp P-256/O=Example Time" root sha256 $FROM $UNTIL "$STAMPS"
ec tsa-p384 P-384; issue tsa-p384 "/CN=Stamp P-384/O=Example Time" middle sha384 $FROM $UNTIL "$STAMPS"
ec tsa-p521 P-521; issue tsa-p521 "/CN=Stamp P-521/O=Example Time" root sha256 $FROM $UNTIL "$STAMPS"
rsa tsa-weak 1024; issue tsa-weak "/CN=Stamp 1024/O=Example Time" root sha256 $FROM $UNTIL "$STAMPS"
ec tsa-sha1 P-256; issue tsa-sha1 "/CN=Stamp SHA-1/O=Example Time" root sha1 $FROM $UNTIL "$STAMPS"
ec tsa-stranger P-256; issue tsa-stranger "/CN=Stamp Stranger/O=Elsewhere" stranger sha256 $FROM $UNTIL "$STAMPS"
ec tsa-expired P-256; issue tsa-expired "/CN=Stamp Expired/O=Example Time" root sha256 20200101000000Z 20210101000000Z "$STAMPS"
ec tsa-early P-256; issue tsa-early "/CN=Stamp Early/O=Example Time" root sha256 21000101000000Z 21010101000000Z "$STAMPS"
ec tsa-mail P-256; issue tsa-mail "/CN=Stamp Mail/O=Example Time" root sha256 $FROM $UNTIL $'keyUsage = critical,digitalSignature\nextendedKeyUsage = critical,emailProtection'
ec tsa-both P-256; issue tsa-both "/CN=Stamp Both/O=Example Time" root sha256 $FROM $UNTIL $'keyUsage = critical,digitalSignature\nextendedKeyUsage = critical,timeStamping,emailProtection'
ec tsa-soft P-256; issue tsa-soft "/CN=Stamp Soft/O=Example Time" root sha256 $FROM $UNTIL $'keyUsage = critical,digitalSignature\nextendedKeyUsage = timeStamping'
ec tsa-none P-256; issue tsa-none "/CN=Stamp None/O=Example Time" root sha256 $FROM $UNTIL $'keyUsage = critical,digitalSignature'
ec tsa-agree P-256; issue tsa-agree "/CN=Stamp Agree/O=Example Time" root sha256 $FROM $UNTIL $'keyUsage = critical,keyAgreement\nextendedKeyUsage = critical,timeStamping'
ec tsa-clerk P-256; issue tsa-clerk "/CN=Stamp Clerk/O=Example Time" not-ca sha256 $FROM $UNTIL "$STAMPS"
ec tsa-odd P-256; issue tsa-odd "/CN=Stamp Odd/O=Example Time" root sha256 $FROM $UNTIL "$STAMPS"$'\n1.2.3.4.5 = critical,DER:0500'

stamp() { # stamp OUT SIGNER MESSAGE-DIGEST SIGNER-DIGEST ESS CHAIN QUERY-ARGUMENTS...
  local out=$1 signer=$2 imprint=$3 digest=$4 ess=$5 chain=$6; shift 6
  cat > ts.cnf <<CONF
[tsa]
default_tsa = t
[t]
serial = ./serial
crypto_device = builtin
default_policy = 1.2.3.4.1
signer_digest = $digest
digests = sha1,sha256,sha384,sha512
accuracy = secs:1,millisecs:500,microsecs:100
clock_precision_digits = 3
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = $ess
CONF
  openssl ts -query -data message.txt "-$imprint" "$@" -out query.tsq 2> /dev/null
  openssl ts -reply -config ts.cnf -section t -queryfile query.tsq -signer "$signer.pem" -inkey "$signer.key" ${chain:+-chain "$chain.pem"} -out "$out.tsr" 2> /dev/null
}
bare() { openssl ts -reply -in "$1.tsr" -token_out -out "$1.token"; }
content() { openssl cms -verify -noverify -inform DER -in "$1.token" -out "$1.tst" 2> /dev/null; }
sign() { # sign OUT SIGNER CONTENT DIGEST ARGUMENTS...: the CMS part alone, where `openssl ts` itself refuses the signer
  local out=$1 signer=$2 content=$3 digest=$4; shift 4
  openssl cms -sign -binary -nodetach -outform DER -in "$content" -econtent_type 1.2.840.113549.1.9.16.1.4 -md "$digest" \
    -signer "$signer.pem" -inkey "$signer.key" -cades "$@" -out "$out.token"
}
echo 4711 > serial
stamp rsa-sha256 tsa-rsa sha256 sha256 sha256 "" -cert; bare rsa-sha256; content rsa-sha256
stamp rsa-sha512 tsa-rsa sha512 sha512 sha512 "" -cert -no_nonce; bare rsa-sha512
stamp p256-sha256 tsa-p256 sha256 sha256 sha256 "" -cert; bare p256-sha256
stamp p256-ess-v1 tsa-p256 sha256 sha256 sha1 "" -cert; bare p256-ess-v1
stamp p384-sha384 tsa-p384 sha384 sha384 sha384 middle -cert; bare p384-sha384
stamp no-certificate tsa-p256 sha256 sha256 sha256 "" -no_nonce; bare no-certificate
stamp sha1-imprint tsa-p256 sha1 sha256 sha256 "" -cert; bare sha1-imprint
stamp sha1-signature tsa-rsa sha256 sha1 sha256 "" -cert; bare sha1-signature
stamp p521 tsa-p521 sha256 sha512 sha256 "" -cert; bare p521
stamp stranger tsa-stranger sha256 sha256 sha256 "" -cert; bare stranger
stamp weak-key tsa-weak sha256 sha256 sha256 "" -cert; bare weak-key
stamp sha1-chain tsa-sha1 sha256 sha256 sha256 "" -cert; bare sha1-chain
stamp no-middle tsa-p384 sha256 sha384 sha256 "" -cert; bare no-middle
for bad in expired early mail both soft none agree clerk odd; do sign "$bad" "tsa-$bad" rsa-sha256.tst sha256 $([ $bad = clerk ] && echo -certfile not-ca.pem); done
sign two-signers tsa-p256 rsa-sha256.tst sha256 -signer tsa-odd.pem -inkey tsa-odd.key
sign other-content tsa-p256 message.txt sha256
openssl cms -sign -binary -nodetach -outform DER -in rsa-sha256.tst -md sha256 -signer tsa-p256.pem -inkey tsa-p256.key -cades -out plain-data.token
openssl cms -sign -binary -nodetach -outform DER -in rsa-sha256.tst -econtent_type 1.2.840.113549.1.9.16.1.4 -md sha256 -signer tsa-p256.pem -inkey tsa-p256.key -out no-ess.token
openssl cms -sign -binary -nodetach -noattr -outform DER -in rsa-sha256.tst -econtent_type 1.2.840.113549.1.9.16.1.4 -md sha256 -signer tsa-p256.pem -inkey tsa-p256.key -out no-attributes.token
# An authority that refuses: it does not know the digest.
sed -i 's/^digests = .*/digests = sha512/' ts.cnf
openssl ts -query -data message.txt -sha256 -out query.tsq 2> /dev/null
openssl ts -reply -config ts.cnf -section t -queryfile query.tsq -signer tsa-p256.pem -inkey tsa-p256.key -out refused.tsr 2> /dev/null || true

cat root.pem root-rsa.pem > "$here/roots.pem"
cp stranger.pem "$here/stranger.pem"; cp message.txt other.txt ./*.token refused.tsr "$here/"; cp rsa-sha256.tsr "$here/answer.tsr"
