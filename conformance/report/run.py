#!/usr/bin/env python3
"""The HTML report in a real Chromium: it is opened from a file, clicked, slid, played, printed and switched, at a desk and on a phone.

    conformance/report/run.py [--brownout PATH] [--chromium PATH] [--keep DIR] [--break WHAT]

Exit code 0: all is as it should be; 1: something is not; 2: it cannot run here. `--break` spoils the pages first (`script`, `request`,
`name`, `label`), to prove that this can fail. Python's standard library and a Chromium are all that it needs; it talks to Chromium over pipes.
"""

import argparse
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PATIENCE = 60
SIZES = {"desk": (1280, 900, False), "phone": (390, 844, True)}


class CannotRun(Exception):
    """Something that this needs is not here."""


class Chromium:
    """A browser of our own, spoken to in the DevTools protocol over a pair of pipes."""

    def __init__(self, program, profile):
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def connect():
            # Chromium reads from 3 and writes to 4; neither may be overwritten before it is copied.
            reader, writer = os.dup(to_read), os.dup(to_write)
            reader, writer = os.dup2(reader, 20), os.dup2(writer, 21)
            os.dup2(reader, 3)
            os.dup2(writer, 4)

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking"]
        command = [program, *flags, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen(command, preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.count, self.rest, self.events = 0, b"", []

    def send(self, method, session=None, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        number = self.count
        while True:
            answer = self.next(time.monotonic() + PATIENCE)
            if answer is None:
                raise CannotRun(f"Chromium does not answer to {method}")
            if answer.get("id") == number:
                if "error" in answer:
                    raise CannotRun(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def next(self, until):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.back], [], [], max(0, until - time.monotonic()))
            if not ready:
                return None
            piece = os.read(self.back, 1 << 20)
            if not piece:
                raise CannotRun("Chromium has gone")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Page:
    """A page that is open, and everything that it complained of or asked for."""

    def __init__(self, browser, file, size):
        self.browser, self.file = browser, file
        width, height, phone = size
        target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.send("Page.navigate", url=file.as_uri())
        self.wait("document.documentElement?.dataset.ready === 'yes'", hopeless=lambda: any(e.get("method") == "Runtime.exceptionThrown" for e in browser.events))
        # The page's own work and not the clock: what else the machine does is not its fault.
        metrics = {m["name"]: m["value"] for m in self.send("Performance.getMetrics")["metrics"]}
        self.took = metrics["TaskDuration"]

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def eval(self, code):
        result = self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            detail = result["exceptionDetails"]
            raise AssertionError(detail.get("exception", {}).get("description", detail["text"]))
        return result["result"].get("value")

    def wait(self, code, patience=20, hopeless=lambda: False):
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.eval(f"Boolean({code})"):
                return
            if hopeless():
                break
            time.sleep(0.05)
        raise AssertionError(f"never came true: {code}")

    def click(self, selector):
        where = self.eval(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null; e.scrollIntoView({{block: 'center', behavior: 'instant'}});
            const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()""")
        assert where, f"nothing to click: {selector}"
        self.click_at(*where)

    def click_at(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, x0, x1, y):
        self.send("Input.dispatchMouseEvent", type="mousePressed", x=x0, y=y, button="left", clickCount=1)
        for i in range(1, 6):
            self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x0 + (x1 - x0) * i / 5, y=y, button="left", buttons=1)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=x1, y=y, button="left", clickCount=1)

    def key(self, key, code=None):
        code = code or key
        number = {"ArrowRight": 39, "ArrowLeft": 37, " ": 32, "Enter": 13, "Tab": 9}[key]
        text = {" ": " ", "Enter": "\r"}.get(key)
        down = {"text": text} if text else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, windowsVirtualKeyCode=number, **down)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=code, windowsVirtualKeyCode=number)

    def complaints(self):
        self.eval("1")
        found = []
        for event in self.browser.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append("exception: " + str(params["exceptionDetails"].get("exception", {}).get("description", params["exceptionDetails"]["text"])))
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append("console: " + json.dumps([a.get("value", a.get("description")) for a in params["args"]]))
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append("log: " + params["entry"]["text"])
            elif method == "Network.requestWillBeSent" and params["request"]["url"] not in (self.file.as_uri(),) and not params["request"]["url"].startswith("data:"):
                found.append("request: " + params["request"]["url"])
            elif method == "Page.javascriptDialogOpening":
                found.append("dialog: " + params["message"])
        return found

    def picture(self, file, whole=True):
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))

    def close(self):
        self.browser.send("Target.closeTarget", targetId=self.target)


def check(page, size, several):
    """Everything that a reader may do. Yields what is wrong."""
    width = SIZES[size][0]
    # How long it takes is told, not judged: 2 s are the aim, and a busy machine takes longer. Much longer is a fault of the page.
    if page.took > 10:
        yield f"interactive after {page.took:.1f} s of work only"
    if page.eval("document.documentElement.scrollWidth") > width:
        yield f"wider than the window: {page.eval('document.documentElement.scrollWidth')} px"
    if "null" in page.eval("[...document.querySelectorAll('main *')].flatMap(e => [...e.childNodes]).filter(n => n.nodeType === 3).map(n => n.data.trim())"):
        yield "a text says null"
    run = "JSON.parse(document.getElementById('data').textContent).runs[0]"
    nodes = page.eval(f"{run}.graph.nodes.map(n => n.name)")
    drawn = page.eval("[...document.querySelectorAll('.graph .node title')].map(t => t.textContent)")
    if len(nodes) != len(drawn) or not all(told.startswith(name + ":") for name, told in zip(nodes, drawn)):
        yield f"boxes {drawn} are not those of the model {nodes}"
    unlabelled = page.eval("[...document.querySelectorAll('button, select, input, [role=button], [role=img]')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML.slice(0, 80))")
    if unlabelled:
        yield f"without a name for those who do not see it: {unlabelled}"

    # What was made hostile after the picture was laid out does not fit, and need not.
    out = page.eval("""[...document.querySelectorAll('.graph .node')].flatMap(n => { const box = n.querySelector('.box').getBBox();
        return [...n.querySelectorAll('text')].filter(t => t.textContent && !t.textContent.includes('<') && t.getBBox().x + t.getBBox().width > box.width + 1).map(t => t.textContent); })
        .concat([...document.querySelectorAll('.edge-words text')].filter(t => t.textContent && t.getBBox().width > Number(t.parentElement.dataset.room) + 8).map(t => t.textContent))""")
    if out:
        yield f"words stick out of the picture's boxes: {out}"

    page.click("#slider")
    middle = page.eval("Number(slider.value)")
    if not page.eval("slider.max * 0.4 < slider.value && slider.value < slider.max * 0.6"):
        yield f"a click in the middle of the slider led to {middle}"
    page.key("ArrowRight")
    if page.eval("Number(slider.value)") != middle + 1:
        yield "the right arrow did not move the slider by one"
    page.click("#play")
    before = page.eval("Number(slider.value)")
    try:
        page.wait(f"Number(slider.value) > {before}", 5)
    except AssertionError:
        yield "play does not play"
    page.click("#play")
    if page.eval("play.getAttribute('aria-pressed')") != "false":
        yield "it does not pause"

    page.click(".graph .node:last-of-type")
    if page.eval("document.querySelectorAll('.node.chosen').length") != 1:
        yield "a click on a box does not choose it"
    if page.eval("document.querySelector('#panel h3').textContent") != nodes[-1]:
        yield "the panel does not tell of the box that was clicked"
    page.eval("document.querySelector('.graph .edge').focus()")
    page.key("Enter")
    if page.eval("document.querySelectorAll('.edge.chosen').length") != 1:
        yield "an arrow cannot be chosen with the keyboard"
    if page.eval("document.querySelectorAll('.story-mark').length"):
        page.click(".story-mark")
        at = page.eval(f"[{run}.story[0].at, {run}.step]")
        now = page.eval("Number(slider.value)") * at[1]
        if abs(now - at[0]) > at[1]:
            yield f"the first mark leads to {now} s and not to {at[0]} s"
        if page.eval("document.querySelectorAll('.story li.current').length") != 1:
            yield "the step that was chosen is not marked in the text"

    if page.eval("document.querySelectorAll('.story .evidence a').length"):
        told = page.eval("document.querySelector('.story .evidence a').textContent.replace('see ', '')")
        page.click(".story .evidence a")
        if not page.eval("document.querySelector('#request').selectedOptions[0].textContent").startswith(told + " "):
            yield f"the story's link does not lead to {told}"
        # The page goes there smoothly.
        time.sleep(0.3)
        page.wait("window.lastY === scrollY || (window.lastY = scrollY, false)")

    canvases = page.eval("document.querySelectorAll('#charts canvas').length")
    if canvases < 3:
        yield f"only {canvases} charts are drawn"
    page.eval("document.querySelector('#charts .u-over').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y, w, h = page.eval("(() => { const r = document.querySelector('#charts .u-over').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()")
    axis = "document.querySelectorAll('#charts .u-over .now-line')"
    page.click_at(x + w * 0.25, y + h / 2)
    share = page.eval("slider.value / slider.max")
    if abs(share - 0.25) > 0.03:
        yield f"a click on a chart's quarter leads the replay to {share:.2f}"
    lines = page.eval(f"[...{axis}].map(l => l.style.transform)")
    page.drag(x + w * 0.2, x + w * 0.4, y + h / 2)
    after = page.eval(f"[...{axis}].map(l => l.style.transform)")
    if any(a == b for a, b in zip(lines, after)):
        yield "zooming one chart does not zoom all of them"
    page.click("#whole")
    page.click("#charts .chart-legend button")
    if page.eval("document.querySelector('#charts .chart-legend button').getAttribute('aria-pressed')") != "false":
        yield "a line cannot be switched off in the legend"

    if page.eval("document.querySelectorAll('.span-row').length"):
        page.click(".span-row:last-of-type")
        if page.eval("document.querySelector('#span h3').textContent") != page.eval("[...document.querySelectorAll('.span-row')].at(-1).querySelector('.span-name').textContent.replace('✕ ', '')"):
            yield "a click on a span does not tell of it"

    paper = page.eval("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    if page.eval("getComputedStyle(document.body).backgroundColor") == paper:
        yield "the theme does not switch"
    page.click("#theme")
    if several:
        page.click("#variants button:last-of-type")
        if page.eval("[...document.querySelectorAll('article[data-run]')].filter(a => !a.hidden).length") != 1:
            yield "not one variant is shown"
        if page.eval("document.querySelector('#variants button:last-of-type').getAttribute('aria-pressed')") != "true":
            yield "the variant that was chosen is not marked"
    yield from page.complaints()


def spoil(file, what):
    """What a defect would do."""
    page = file.read_text(encoding="utf-8")
    changes = {
        "script": ("function buildReplay() {", "function buildReplay() { missing();"),
        "request": ("<main>", "<main><img src=\"https://127.0.0.1:9/x.png\">"),
        "name": ("el(\"figcaption\", {}, what.title)", "el(\"figcaption\", {}, \"null\")"),
        "label": ("\"aria-label\": \"Time of the replay\",", ""),
    }
    before, after = changes[what]
    assert before in page, f"there is no {before}"
    file.write_text(page.replace(before, after, 1), encoding="utf-8")


def pages(brownout, place, spoiled):
    """Reports to look at, each with whether it is of several variants; to find a defect out, the smallest is enough."""
    hostile = HERE / "hostile.yaml"
    models = {
        "order-system": (["run", ROOT / "models/order-system.yaml", "--variant", "naive"], False),
        "brokers": (["run", ROOT / "models/order-events.yaml"], False),
        "hostile": (["run", hostile], False),
        "variants": (["compare", ROOT / "models/retry-storm.yaml", "--seeds", "2"], True),
    }
    if spoiled:
        models = {"hostile": models["hostile"]}
    for name, (arguments, several) in models.items():
        out = place / name
        ended = subprocess.run([brownout, *map(str, arguments), "--out", str(out), "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if ended.returncode not in (0, 1):
            raise CannotRun(f"brownout {' '.join(map(str, arguments))}: {ended.stderr.strip()}")
        if name == "hostile":
            make_hostile(out / "report.html")
        yield name, out / "report.html", several


def make_hostile(file):
    """Names that the language refuses, put where scripts read names."""
    page = file.read_text(encoding="utf-8")
    before, rest = page.split('id="data">', 1)
    data, after = rest.split("</script>", 1)
    for name, markup in {
        "hostile-client": "<img src=x onerror=alert(1)>",
        "hostile-service": "</script><script>alert(2)</script>",
        "hostile-fault": "'\"><svg onload=alert(3)>",
    }.items():
        data = data.replace(name, json.dumps(markup)[1:-1].replace("<", "\\u003c"))
    file.write_text(f'{before}id="data">{data}</script>{after}', encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brownout", default=os.environ.get("BROWNOUT", str(ROOT / "target/release/brownout")))
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or "chromium")
    parser.add_argument("--keep", help="leave pictures of the pages in this folder")
    parser.add_argument("--break", dest="spoiled", choices=["script", "request", "name", "label"], help="spoil the pages first")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        keep = pathlib.Path(options.keep) if options.keep else None
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
        try:
            reports = list(pages(options.brownout, place, options.spoiled))
            browser = Chromium(options.chromium, place / "profile")
        except (OSError, CannotRun) as error:
            print(f"cannot run here: {error}", file=sys.stderr)
            return 2
        try:
            for name, file, several in reports:
                if options.spoiled:
                    spoil(file, options.spoiled)
                for size, measures in SIZES.items():
                    took = ""
                    try:
                        page = Page(browser, file, measures)
                        took = f" ({page.took:.1f} s of work until it can be used)"
                        problems = list(check(page, size, several))
                        if keep:
                            page.picture(keep / f"{name}-{size}.png")
                        page.close()
                    except AssertionError as error:
                        problems = [str(error)]
                    wrong += bool(problems)
                    print(f"{'✗' if problems else '✓'} {name}, {size}{took}")
                    for problem in problems:
                        print(f"    {problem}")
        except CannotRun as error:
            print(f"cannot run here: {error}", file=sys.stderr)
            return 2
        finally:
            browser.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
