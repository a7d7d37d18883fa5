// Loads traces into Perfetto's own page and asks its trace processor about them.
// node perfetto.mjs CHROMIUM ORIGIN TRACE…: prints one JSON object a trace. Traces are paths below the origin.
import puppeteer from 'puppeteer-core';

const [chromium, origin, ...traces] = process.argv.slice(2);
const QUESTIONS = {
  slices: "select count(*) as n from slice",
  threads: "select count(*) as n from slice s join thread_track t on s.track_id = t.id where s.dur > 0 or s.category = 'request'",
  requests: "select count(*) as n from slice where category = 'request'",
  waits: "select count(*) as n from slice where category = 'queue'",
  faults: "select count(*) as n from slice where category = 'fault'",
  flows: "select count(*) as n from flow",
  counters: "select count(*) as n from counter",
  processes: "select count(*) as n from process where name is not null",
  nanoseconds: "select coalesce(sum(dur), 0) as n from slice where category = 'request'",
  unfinished: "select count(*) as n from slice where dur < 0",
};
const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const trace of traces) {
    const page = await browser.newPage();
    await page.goto(`${origin}/#!/?url=${encodeURIComponent(`${origin}/${trace}`)}`, { waitUntil: 'load' });
    await page.waitForFunction(() => window.app?.trace?.engine !== undefined, { timeout: 120000 });
    const answer = await page.evaluate(async (questions) => {
      const engine = window.app.trace.engine;
      const rows = async (sql) => {
        const result = await engine.query(sql);
        const found = [];
        const columns = result.columns();
        for (const it = result.iter({}); it.valid(); it.next()) found.push(columns.map((column) => String(it.get(column))));
        return found;
      };
      const answer = {};
      for (const [name, sql] of Object.entries(questions)) answer[name] = Number((await rows(sql))[0][0]);
      answer.problems = await rows("select name, value from stats where severity in ('error', 'data_loss') and value > 0");
      return answer;
    }, QUESTIONS);
    console.log(JSON.stringify({ trace, ...answer }));
    if (process.env.SCREENSHOT) {
      await page.setViewport({ width: 1400, height: 900 });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await page.screenshot({ path: process.env.SCREENSHOT });
    }
    await page.close();
  }
} finally {
  await browser.close();
}
