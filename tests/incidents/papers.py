"""Files as people attach them: photographs that say where they were taken, documents that say by whom."""

import io

from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, TextStringObject

PLACE = "Hemmeligveien"
"""Stands in the hidden data of each file, and nowhere in what it shows."""


def photo(width: int = 320, height: int = 240, noise: int = 0) -> bytes:
    """A JPEG with the position where it was taken, in its camera's notes, and remarks beside."""
    image = (
        Image.effect_noise((width, height), 80).convert("RGB")
        if noise
        else Image.new("RGB", (width, height), "red")
    )
    notes = Image.Exif()
    notes[0x010E] = PLACE
    notes[0x0112] = 6
    position = notes.get_ifd(0x8825)
    position[1], position[2] = "N", (60.0, 23.0, 30.0)
    position[3], position[4] = "E", (5.0, 19.0, 10.0)
    out = io.BytesIO()
    image.save(out, "JPEG", exif=notes.tobytes(), comment=PLACE.encode(), quality=95)
    return out.getvalue()


def picture(sort: str) -> bytes:
    """A PNG or WebP with remarks."""
    from PIL.PngImagePlugin import PngInfo

    remarks = PngInfo()
    remarks.add_text("Author", PLACE)
    notes = Image.Exif()
    notes[0x013B] = PLACE
    out = io.BytesIO()
    more = {"pnginfo": remarks} if sort == "PNG" else {}
    Image.new("RGBA", (64, 48), "blue").save(out, sort, exif=notes.tobytes(), **more)
    return out.getvalue()


def document() -> bytes:
    """A PDF with an author, XMP, a script, a remark with its writer's name, a photograph and a file in it."""
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    writer.add_metadata({"/Author": PLACE, "/Title": PLACE})
    xmp = DecodedStreamObject()
    xmp.set_data(f"<x:xmpmeta>{PLACE}</x:xmpmeta>".encode())
    writer.root_object[NameObject("/Metadata")] = writer._add_object(xmp)
    acts = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject(PLACE)}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(acts)
    writer.add_attachment("vedlegg.txt", PLACE.encode())
    inner = DecodedStreamObject()
    inner.set_data(photo())
    inner[NameObject("/Type")] = NameObject("/XObject")
    inner[NameObject("/Subtype")] = NameObject("/Image")
    inner[NameObject("/Filter")] = NameObject("/DCTDecode")
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/XObject"): DictionaryObject({NameObject("/Im0"): writer._add_object(inner)})}
    )
    remark = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/Text"),
            NameObject("/T"): TextStringObject(PLACE),
            NameObject("/Contents"): TextStringObject("Se her"),
        }
    )
    page[NameObject("/Annots")] = writer._add_object(ArrayObject([writer._add_object(remark)]))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def bomb() -> bytes:
    """A small PNG that says it has a thousand million pixels."""
    raw = bytearray(picture("PNG"))
    raw[16:24] = (40_000).to_bytes(4) + (40_000).to_bytes(4)
    return bytes(raw)


FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"\x00" * 600
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 600
