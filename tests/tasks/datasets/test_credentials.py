"""Content Credentials, signed with a certificate made here and read by the library's own reader."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from shards.images.containers.marking import Mark, mark_image
from shards.images.containers.marks import C2PA, XMP, find_mark
from tasks.datasets.credentials import CERTIFICATE, KEY, Credentials
from tasks.errors import RequestError

c2pa = pytest.importorskip("c2pa", reason="the extra credentials is not installed")


def certificate(name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[str, ec.EllipticCurvePrivateKey]) -> bytes:
    """A certificate that the key of `issuer` signs; one that it signs itself may sign others."""

    def named(text: str) -> x509.Name:
        parts = {NameOID.COMMON_NAME: text, NameOID.ORGANIZATION_NAME: "shardgan"}
        return x509.Name([x509.NameAttribute(*part) for part in parts.items()])

    is_root, now = issuer[0] == name, datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    ) | {"encipher_only": False, "decipher_only": False, "digital_signature": not is_root, "key_cert_sign": is_root}
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer[0]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer[1].public_key()), critical=False)
    )
    if not is_root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = certificate("signer", own, ("root", root)) + certificate("root", root, ("root", root))
    (tmp_path / "chain.pem").write_bytes(chain)
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(own.private_bytes(*pem))
    monkeypatch.setenv(CERTIFICATE, str(tmp_path / "chain.pem"))
    monkeypatch.setenv(KEY, str(tmp_path / "key.pem"))
    return Credentials.load("models:/m/1")


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_signed_file_is_verified_by_the_librarys_reader(signer: Credentials, name: str) -> None:
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, name)
    signed = signer.sign(mark_image(buffer.getvalue(), Mark("models:/m", seed=1)), name)
    report = json.loads(c2pa.Reader(f"image/{name}", io.BytesIO(signed)).json())
    assert report["validation_state"] == "Valid"
    (said,) = (one for one in report["manifests"][report["active_manifest"]]["assertions"] if "actions" in one["label"])
    assert said["data"]["actions"][0]["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert find_mark(signed) == XMP
    without_xmp = signed.replace(b"DigitalSourceType=", b"DigitalSourceXype=")
    assert find_mark(without_xmp) == C2PA
    altered = json.loads(c2pa.Reader(f"image/{name}", io.BytesIO(without_xmp)).json())
    assert altered["validation_state"] == "Invalid"


def test_what_is_missing_is_named(signer: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.pem").write_text("no key")
    monkeypatch.setenv(KEY, str(tmp_path / "wrong.pem"))
    with pytest.raises(RequestError, match="cannot be used to sign"):
        Credentials.load("models:/m/1")
    monkeypatch.delenv(KEY)
    with pytest.raises(RequestError, match=f"{KEY} must name a PEM file"):
        Credentials.load("models:/m/1")
    monkeypatch.setenv(CERTIFICATE, str(tmp_path / "none.pem"))
    with pytest.raises(RequestError, match=r"none\.pem.* cannot be read"):
        Credentials.load("models:/m/1")
