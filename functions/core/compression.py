"""Answers of more than a kilobyte are sent with gzip to whoever accepts it.

This is part of the rooms' entry point and not of the gateway, because an HTTP API of API Gateway
compresses nothing either: it takes packed bytes in base64, and so does our gateway.
"""

import base64
import gzip
import re
from collections.abc import Mapping
from typing import Any

MIN_BYTES = 1_024  # a smaller answer fits into one packet either way
LEVEL = 3  # 40 kB of JSON: 7.7 kB in 0.12 ms; level 6 needs five times as long for 0.6 kB less
TYPES = ("application/json", "application/x-ndjson", "application/openmetrics-text", "text/")
TAG_SUFFIX = "-gzip"  # a strong tag names bytes (RFC 9110 §8.8.3), and these are others

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", re.ASCII)  # RFC 9110 §12.4.2


def plain_tags(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """`event` with the tags of packed answers as the rooms know them."""
    sent = event.get("headers") or {}
    if not any(f'{TAG_SUFFIX}"' in sent.get(name, "") for name in ("if-match", "if-none-match")):
        return event
    plain = {
        name: sent[name].replace(f'{TAG_SUFFIX}"', '"')
        for name in ("if-match", "if-none-match")
        if name in sent
    }
    return {**event, "headers": {**sent, **plain}}


def pack(event: Mapping[str, Any], answer: dict[str, Any]) -> None:
    """Packs the body of `answer`, if it is worth it and whoever sent `event` accepts it."""
    sent, headers = event.get("headers") or {}, answer["headers"]
    tag = headers.get("ETag", "")
    packed_tag = f'{tag[:-1]}{TAG_SUFFIX}"' if tag.startswith('"') else tag
    if answer["statusCode"] == 304:
        _vary(headers)
        if packed_tag in sent.get("if-none-match", ""):
            headers["ETag"] = packed_tag
        return
    if answer.get("isBase64Encoded") or "Content-Encoding" in headers:
        return
    body = (answer.get("body") or "").encode()
    if len(body) <= MIN_BYTES or not headers.get("Content-Type", "").startswith(TYPES):
        return
    _vary(headers)
    if not accepts_gzip(sent.get("accept-encoding", "")):
        return
    packed = gzip.compress(body, LEVEL, mtime=0)
    if len(packed) * 4 > len(body) * 3:  # Lambda's limit of 6 MB is one of the base64
        return
    answer |= {"body": base64.b64encode(packed).decode(), "isBase64Encoded": True}
    headers["Content-Encoding"] = "gzip"
    if tag:
        headers["ETag"] = packed_tag


def accepts_gzip(header: str) -> bool:
    """Whether `Accept-Encoding: header` asks for gzip: RFC 9110 §12.5.3."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = "1"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = value.strip()
        weights[name] = float(weight) if _WEIGHT.fullmatch(weight) else 0.0
    wanted = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return wanted > 0 and wanted >= weights.get("identity", 0.0)


def _vary(headers: dict[str, Any]) -> None:
    headers["Vary"] = ", ".join(filter(None, [headers.get("Vary"), "Accept-Encoding"]))
