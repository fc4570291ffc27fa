// A site with a folder's files under /title/, and a page in headless Chromium.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import puppeteer from "puppeteer-core";

const here = import.meta.dirname;
const TYPES = {
  ".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".m4s": "video/mp4",
  ".m3u8": "application/vnd.apple.mpegurl", ".mp4": "video/mp4", ".mpd": "application/dash+xml",
  ".vtt": "text/vtt",
};

export async function openSite(chromium, folder) {
  const missing = [];

  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
    const file = path.startsWith("/title/") ? join(folder, path.slice(7)) : join(here, path);
    if (!existsSync(file) || !statSync(file).isFile()) {
      if (!path.endsWith("favicon.ico")) missing.push(path);
      response.writeHead(404).end();
      return;
    }
    const size = statSync(file).size;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const [start, end] = range ? [Number(range[1]), Number(range[2] || size - 1)] : [0, size - 1];
    response.writeHead(range ? 206 : 200, {
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Content-Length": size ? end - start + 1 : 0,
      ...(range ? { "Content-Range": `bytes ${start}-${end}/${size}` } : {}),
    });
    createReadStream(file, { start, end }).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

  const browser = await puppeteer.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
  });
  const page = await browser.newPage();
  const thrown = [];
  page.on("pageerror", (error) => thrown.push(String(error)));
  const address = `http://127.0.0.1:${server.address().port}`;
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { address, page, missing, thrown, close };
}
