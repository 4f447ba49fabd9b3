"""Every setting that changes a row changes the version's inputs."""

from assets.pages.version import REVISION, engine_version_inputs


def test_inputs_differ_where_output_does() -> None:
    variants = [
        engine_version_inputs(ocr, layout=layout)
        for ocr in ("off", "rapidocr", "tesseract")
        for layout in (False, True)
    ]
    assert len({tuple(sorted(v.items())) for v in variants}) == len(variants)
    assert engine_version_inputs("rapidocr", layout=True)["ocr_dpi"] == "150"
    assert REVISION >= 1
