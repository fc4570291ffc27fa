// Opens a page in headless Chromium: node look.mjs CHROMIUM PAGE WIDTH SCHEME
//
// Points at the first chart, clicks there, opens a still, prints the page, and says what it saw.

import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [chromium, file, width, scheme] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"] });
const page = await browser.newPage();
const address = pathToFileURL(file).href;
const requests = [], thrown = [];
page.on("request", (request) => {
  const url = request.url();
  if (url !== address && !url.startsWith("data:")) requests.push(url);
});
page.on("pageerror", (error) => thrown.push(String(error)));
page.on("console", (message) => { if (message.type() === "error") thrown.push(message.text()); });
await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
await page.setViewport({ width: Number(width), height: 900 });
await page.goto(address);
const seen = { charts: await page.$$eval(".vega", (charts) => charts.length) };
if (seen.charts) {
  await page.waitForFunction(() => document.querySelectorAll(".vega svg").length > 0);
  const chart = await (await page.$(".vega svg")).boundingBox();
  const [x, y] = [chart.x + chart.width * 0.5, chart.y + chart.height * 0.4];
  await page.mouse.move(x, y);
  await page.waitForSelector("#vg-tooltip-element.visible");
  seen.tooltip = await page.$$eval("#vg-tooltip-element tr", (rows) =>
    Object.fromEntries(rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))));
  await page.mouse.click(x, y);
}
Object.assign(seen, await page.evaluate(() => {
  const sizes = [...document.querySelectorAll("svg text")].filter((text) => text.textContent).map((text) => {
    const svg = text.ownerSVGElement;
    return parseFloat(getComputedStyle(text).fontSize) * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  });
  return {
    width: document.documentElement.scrollWidth,
    smallest_label: Math.min(...sizes),
    background: getComputedStyle(document.body).backgroundColor,
    chosen: document.querySelector(".still.chosen figcaption")?.textContent ?? "",
  };
}));
seen.flipped = [];
const still = await page.$(".still button");
if (still) {
  // The page glides to what was chosen, and a click while it does lands beside the still.
  await page.evaluate(() => new Promise((resolve) => {
    const settle = (before) => setTimeout(() => scrollY === before ? resolve() : settle(scrollY), 100);
    settle(-1);
  }));
  await still.click();
  await page.waitForSelector("dialog[open]");
  for (let picture = 0; picture < 3; picture += 1) {
    seen.flipped.push(await page.$eval("dialog p", (caption) => caption.textContent.split(" – ")[0]));
    await page.keyboard.press("Space");
  }
  await page.keyboard.press("Escape");
}
const printed = Buffer.from(await page.pdf({ format: "A4", margin: { top: "12mm", bottom: "12mm", left: "12mm", right: "12mm" } }));
seen.pages = (printed.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length;
console.log(JSON.stringify({ ...seen, requests, thrown }));
await browser.close();
