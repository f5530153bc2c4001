"""Certificates that sign themselves, as people make them at home, and servers that show them."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = timedelta(days=1)


def self_signed(file, *names, valid=(-1, 30)):
    """Write a certificate for these names, valid between two days from now, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stash")])
    kinds = [
        x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        for name in names
    ]
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + valid[0] * DAY)
        .not_valid_after(now + valid[1] * DAY)
        .add_extension(x509.SubjectAlternativeName(kinds), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.with_suffix(".key").write_bytes(key.private_bytes(form, *plain))
    file.write_bytes(certificate.public_bytes(form))
    return file


def secure(server, certificate):
    """Have a server speak TLS with this certificate; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    listener = server._http
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    # The thread that accepts takes one more without TLS.
    socket.create_connection(listener.server_address).close()
    return server.url.replace("http:", "https:")
