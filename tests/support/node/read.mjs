// Reads a file with parsers of other people and prints what they found as JSON.
// Usage: node read.mjs hls|dash|mp4 FILE
import { readFileSync } from "node:fs";

const [, , kind, file] = process.argv;

async function readHls() {
  const { default: hlsParser } = await import("hls-parser");
  const { Parser } = await import("m3u8-parser");
  const text = readFileSync(file, "utf8");
  const warnings = [];
  const parser = new Parser();
  parser.on("warn", (event) => warnings.push(event.message));
  parser.push(text);
  parser.end();
  hlsParser.setOptions({ strictMode: true });
  return { hlsParser: hlsParser.parse(text), m3u8Parser: parser.manifest, warnings };
}

async function readDash() {
  const { parse } = await import("mpd-parser");
  const warnings = [];
  const eventHandler = (event) => warnings.push(event.message);
  const manifestUri = "https://example.com/title/manifest.mpd";
  return { ...parse(readFileSync(file, "utf8"), { manifestUri, eventHandler }), warnings };
}

async function readMp4() {
  const { createFile, MP4BoxBuffer } = await import("mp4box");
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const found = {};
  const mp4 = createFile();
  mp4.onReady = (info) => (found.codec = info.videoTracks[0].codec);
  mp4.appendBuffer(MP4BoxBuffer.fromArrayBuffer(buffer, 0));
  mp4.flush();
  return found;
}

const readers = { hls: readHls, dash: readDash, mp4: readMp4 };
console.log(JSON.stringify(await readers[kind]()));
