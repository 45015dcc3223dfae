"""Content Credentials (C2PA): generated files signed with the user's certificate. Needs the extra `credentials`.

A signature holds a random number and the claim a random id, so the same image never has the same bytes twice.
Source: C2PA Technical Specification 2.2; the library is c2pa-python of the Content Authenticity Initiative.
"""

import io
import json
import os
from pathlib import Path
from typing import Any, Self

from shards.images.containers.marking import GENERATED, SOURCE_TYPES
from tasks.errors import RequestError

CERTIFICATE, KEY = "SHARDGAN_C2PA_CERTIFICATE", "SHARDGAN_C2PA_KEY"
SETTINGS = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"verify_after_sign": False}}
MIME_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class Credentials:
    """A signer of files that one model made."""

    def __init__(self, model: str, signer: Any, context: Any) -> None:
        self._signer, self._context = signer, context
        created = {
            "action": "c2pa.created",
            "digitalSourceType": SOURCE_TYPES + GENERATED,
            "softwareAgent": {"name": f"shardgan {model}"},
        }
        self._manifest = json.dumps(
            {
                "claim_generator_info": [{"name": "shardgan"}],
                "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
            }
        )

    @classmethod
    def load(cls, model: str) -> Self:
        """Load the certificate chain and the key that the environment names, both in PEM.

        Raises RequestError where the library, one of the files or a usable key is missing.
        """
        try:
            import c2pa
        except ImportError as error:
            raise RequestError("mark=c2pa needs c2pa-python: pip install 'shardgan[credentials]'") from error
        certificate, key = _read(CERTIFICATE), _read(KEY)
        try:
            info = c2pa.C2paSignerInfo(_algorithm(key), certificate, key, None)
            return cls(model, c2pa.Signer.from_info(info), c2pa.Context(c2pa.Settings.from_dict(SETTINGS)))
        except (c2pa.C2paError, ValueError, TypeError) as error:
            raise RequestError(
                f"{CERTIFICATE} and {KEY} cannot be used to sign: {error}. Give a certificate chain for the usage "
                "emailProtection or documentSigning, and its key without a password, both in PEM"
            ) from error

    def sign(self, data: bytes, format_name: str) -> bytes:
        """Return the png, jpeg or webp file with a signed manifest, which also covers the XMP in it."""
        import c2pa

        signed = io.BytesIO()
        builder = c2pa.Builder(self._manifest, self._context)
        builder.sign(self._signer, MIME_TYPES[format_name], io.BytesIO(data), signed)
        return signed.getvalue()


def _read(variable: str) -> bytes:
    path = os.environ.get(variable, "")
    if not path:
        raise RequestError(f"mark=c2pa signs with your certificate: {variable} must name a PEM file")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RequestError(f"{variable} names {path!r}, which cannot be read: {error.strerror}") from error


def _algorithm(key: bytes) -> Any:
    """Return the signature algorithm that fits a private key. Raises ValueError for a key that C2PA does not allow."""
    from c2pa import C2paSigningAlg
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(key, None)
    if isinstance(private, Ed25519PrivateKey):
        return C2paSigningAlg.ED25519
    if isinstance(private, RSAPrivateKey):
        return C2paSigningAlg.PS256
    curves = {"secp256r1": C2paSigningAlg.ES256, "secp384r1": C2paSigningAlg.ES384, "secp521r1": C2paSigningAlg.ES512}
    if isinstance(private, EllipticCurvePrivateKey) and private.curve.name in curves:
        return curves[private.curve.name]
    raise ValueError("the key must be of the kind EC (P-256, P-384, P-521), Ed25519 or RSA")
