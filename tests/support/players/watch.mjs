// Plays one file in headless Chromium's <video>: node watch.mjs CHROMIUM FILE FRAME_S [SCREENSHOT]
//
// Plays it to its end, then seeks frame by frame to its first white picture, and prints what it saw
// and heard as JSON.

import { basename, dirname } from "node:path";
import { openSite } from "./site.mjs";

const [chromium, file, frame_s, screenshot] = process.argv.slice(2);
const { address, page, thrown, close } = await openSite(chromium, dirname(file));
await page.goto(address);
await page.setContent('<video controls></video>');
const found = await page.evaluate(async (source, frame_s) => {
  const video = document.querySelector("video");
  const once = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
  });
  video.src = source;
  await once("loadeddata");
  const audio = new AudioContext();
  const listener = audio.createScriptProcessor(256, 1, 1);
  audio.createMediaElementSource(video).connect(listener);
  listener.connect(audio.destination);
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  let flash_s = null, beep_s = null;
  listener.onaudioprocess = ({ inputBuffer }) => {
    if (inputBuffer.getChannelData(0).some((sample) => Math.abs(sample) > 0.05)) {
      beep_s ??= video.currentTime;
    }
  };
  const ended = once("ended");
  await video.play();
  await ended;
  const { totalVideoFrames: frames, droppedVideoFrames: dropped } = video.getVideoPlaybackQuality();
  // While it plays, the picture that is drawn may be later than the one that is told.
  for (let time = 0; time < video.duration && flash_s === null; time += frame_s) {
    const seeked = once("seeked");
    video.currentTime = time + frame_s / 2;
    await seeked;
    canvas.drawImage(video, 0, 0, 1, 1);
    if (canvas.getImageData(0, 0, 1, 1).data[1] > 128) flash_s = time;
  }
  return {
    flash_s, beep_s, frames, dropped, duration: video.duration,
    size: `${video.videoWidth}x${video.videoHeight}`, audioBytes: video.webkitAudioDecodedByteCount,
  };
}, `/title/${basename(file)}`, Number(frame_s)).catch((error) => ({ failed: String(error) }));
if (screenshot) await page.screenshot({ path: screenshot });
await close();
console.log(JSON.stringify({ ...found, thrown }));
