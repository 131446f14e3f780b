"""A throw-away authority, and what it signs: one certificate for the server's nodes, one for our programs."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAME = "temporal.cluster.test"
VALID = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def of_server(self, prefix: str) -> dict[str, str]:
        """For the nodes' environment, by the server's own template of a configuration."""
        pair = self._pair("server")
        return {
            f"{prefix}_REQUIRE_CLIENT_AUTH": "true",
            **{
                f"{prefix}_{part}_{kind}": file
                for part in ("SERVER", "FRONTEND")
                for kind, file in pair.items()
            },
            **{f"{prefix}_{who}_CA_CERT": str(self.authority) for who in ("SERVER", "CLIENT1", "CLIENT2")},
            **{f"{prefix}_{part}_SERVER_NAME": SERVER_NAME for part in ("INTERNODE", "FRONTEND")},
        }

    def of_client(self) -> dict[str, str]:
        """For the environment of our programs and of `temporal`."""
        pair = self._pair("client")
        return {
            "TEMPORAL_TLS_CLIENT_CERT_PATH": pair["CERT"],
            "TEMPORAL_TLS_CLIENT_KEY_PATH": pair["KEY"],
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(self.authority),
            "TEMPORAL_TLS_SERVER_NAME": SERVER_NAME,
        }

    def _pair(self, name: str) -> dict[str, str]:
        return {"CERT": str(self.folder / f"{name}.pem"), "KEY": str(self.folder / f"{name}.key")}


def make_certificates(folder: Path, addresses: Sequence[str]) -> Certificates:
    """Of the server's, all addresses are names, too."""
    folder.mkdir(mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _signed("authority", key, None, x509.BasicConstraints(ca=True, path_length=0))
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    names = [x509.DNSName(SERVER_NAME), *(x509.IPAddress(ipaddress.ip_address(each)) for each in addresses)]
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    for name, extensions in (("server", [x509.SubjectAlternativeName(names), both]), ("client", [client])):
        own = ec.generate_private_key(ec.SECP256R1())
        signed = _signed(name, own, (authority, key), *extensions)
        (folder / f"{name}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        secret = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(secret)
    return Certificates(folder)


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    *extensions: x509.ExtensionType,
) -> x509.Certificate:
    now, subject = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (by[0].subject, by[1]) if by else (subject, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, hashes.SHA256())
