"""The site as a reader's browser shows it: `make docs` builds it, `make docs-test` runs this."""

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

pytestmark = pytest.mark.browser

SITE = Path(__file__).parents[2] / "build" / "docs"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
READ = """
const done = arguments[arguments.length - 1];
const all = (selector) => [...document.querySelectorAll(selector)];
const rendered = () => all(".math mjx-container > svg").filter((svg) => svg.getBoundingClientRect().width > 0).length;
const unloaded = () => all("img").filter((img) => img.naturalWidth === 0).map((img) => img.src);
const settled = (tries) => {
    const there = all(".math").length === rendered() && unloaded().length === 0;
    there || tries === 0 ? read() : setTimeout(() => settled(tries - 1), 100);
};
const read = () => done({
    links: all("a[href]").map((a) => a.getAttribute("href")),
    anchors: all("[id]").map((e) => e.id),
    formulas: all(".math").length,
    rendered: rendered(),
    wrong: all("[data-mml-node=merror]").map((e) => e.closest(".math").textContent),
    images: all("img").length,
    unloaded: unloaded(),
    wide: all("html, .page, .main, .content").filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML),
});
settled(100);  // formulas and figures that are not there after ten seconds are missing
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def address():
    if not (SITE / "index.html").exists():
        pytest.fail("there is no site in build/docs: make docs")
    server = ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.fail("a browser reads the site, and none is installed: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    chrome.set_script_timeout(20)
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def pages(address, browser):
    """What the browser found in every page, at the width of a phone."""
    found = {}
    for file in sorted(SITE.rglob("*.html")):
        page = str(file.relative_to(SITE))
        browser.get(address + page)
        found[page] = browser.execute_async_script(READ) | {"messages": messages(browser), "requests": requests(browser)}
    return found


def messages(browser) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def requests(browser) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def those(pages, wrong) -> dict:
    """The pages of which something is wrong, and what."""
    return {page: what for page, facts in pages.items() if (what := wrong(facts))}


def test_every_kind_of_page_is_there(pages):
    folders = ("api/", "gallery/", "notebooks/", "docs/guides/")
    assert [folder for folder in folders if not any(page.startswith(folder) for page in pages)] == []
    assert {"index.html", "README.html", "search.html", "genindex.html", "experiments/README.html"} <= set(pages)


def test_no_link_is_broken(pages):
    broken = []
    for page, facts in pages.items():
        for link in facts["links"]:
            target, anchor = urldefrag(urljoin(f"http://here/{page}", link))
            if urlsplit(target).netloc != "here":
                continue
            path = unquote(urlsplit(target).path).lstrip("/") or "index.html"
            anchors = pages[path]["anchors"] if path in pages else []
            if not (SITE / path).is_file() or (anchor and path in pages and unquote(anchor) not in anchors):
                broken.append((page, link))
    assert broken == []
    assert sum(len(facts["links"]) for facts in pages.values()) > 1000


def test_formulas_are_rendered(pages):
    assert those(pages, lambda facts: facts["wrong"]) == {}
    assert those(pages, lambda facts: facts["formulas"] - facts["rendered"]) == {}
    notebooks = {page: facts["rendered"] for page, facts in pages.items() if page.startswith("notebooks/")}
    assert min(notebooks.values()) > 1


def test_figures_are_loaded(pages):
    assert those(pages, lambda facts: facts["unloaded"]) == {}
    without = [page for page, facts in pages.items() if page.startswith(("gallery/", "notebooks/")) and not facts["images"]]
    assert without == []


def test_every_page_fits_a_phone(pages):
    assert those(pages, lambda facts: [html[:200] for html in facts["wide"]]) == {}


def test_nothing_fails_and_no_other_host_is_asked(pages, address):
    assert those(pages, lambda facts: facts["messages"]) == {}
    assert those(pages, lambda facts: [url for url in facts["requests"] if not url.startswith((address, "data:"))]) == {}
    assert all(facts["requests"] for facts in pages.values())


@pytest.mark.parametrize(
    ("word", "page"), [("unroll", "api/recurrent.unrolling.html"), ("buckets", "docs/guides/variable-length.html")]
)
def test_search_finds(browser, address, word, page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    def results(chrome):
        return {
            link.get_attribute("href").split("#")[0].split("?")[0]
            for link in chrome.find_elements(By.CSS_SELECTOR, ".search a")
        }

    browser.get(f"{address}search.html?q={word}")
    WebDriverWait(browser, 20).until(lambda chrome: address + page in results(chrome))
    assert len(results(browser)) < 80
    browser.get(f"{address}search.html?q=nosuchwordanywhere")
    WebDriverWait(browser, 20).until(lambda chrome: "did not match" in chrome.find_element(By.TAG_NAME, "body").text)
    assert results(browser) == set()
