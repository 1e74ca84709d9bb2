"""The page for developers: its example is shown, and runs against the site it lies on."""

from browser import needs_chromium
from node_tools import ROOT

pytestmark = needs_chromium


def test_the_example_that_is_shown_runs(site, page):
    page.forget(site.base)
    page.open(f"{site.base}develop.html")
    page.wait_for("document.body.dataset.ready === '1'", "example")
    live = page.wait_for(
        "document.getElementById('live').textContent.includes('km/h') && document.getElementById('live').textContent",
        "cars",
    )
    assert live.startswith("Bahrain Grand Prix 2024, lap ") and "D01" in live
    code = page.evaluate("document.getElementById('code').textContent")
    assert code.startswith(f'import {{ openSite }} from "{site.base}v1/reader/parcferme.js";')
    source = (ROOT / "publish" / "site" / "develop_example.js").read_text()
    assert "session.at(ms)" in code and len(code.splitlines()) <= 20
    assert all(line.strip() in source for line in code.splitlines()[2:])
    assert not page.complaints
