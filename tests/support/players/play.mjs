// Plays a packaged folder in headless Chromium: node play.mjs CHROMIUM FOLDER PLAYER [SCREENSHOT]
//
// Steps up and down through every rung, seeks, plays to the end, and prints what it saw as JSON.

import { openSite } from "./site.mjs";

const [chromium, folder, kind, screenshot] = process.argv.slice(2);
const { address, page, missing, thrown, close } = await openSite(chromium, folder);
if (kind === "page") {
  // The package's own page, by its controls.
  await page.goto(`${address}/title/index.html`);
  await page.waitForFunction(() => document.forms[0].elements.rendition.length > 1);
  await page.evaluate(() => {
    const { rendition, audio, subtitles } = document.forms[0].elements;
    const select = (control, value) => {
      control.value = String(value);
      control.dispatchEvent(new Event("change"));
    };
    const rungs = [...rendition.options].filter((each) => each.value !== "-1").reverse();
    const errors = [], shown = [];
    hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) errors.push(data.details); });
    hls.on(Hls.Events.LEVEL_SWITCHED, () => shown.push(document.querySelector("output").value));
    let current = -1;
    hls.on(Hls.Events.LEVEL_SWITCHED, (_, data) => { current = data.level; });
    window.player = {
      rungs: () => rungs.map((each) => each.text),
      choose: (rung) => select(rendition, rungs[rung].value),
      current: () => current,
      showText: () => select(subtitles, 0),
      audio: () => [...audio.options].map((each) => each.text),
      errors, shown,
    };
  });
} else {
  await page.goto(`${address}/page.html?player=${kind}`);
  await page.evaluate(() => window.opening);
}

const found = await page.evaluate(async () => {
  const video = document.querySelector("video"), player = window.player;
  const until = async (test, what) => {
    const started = performance.now();
    while (!test()) {
      if (performance.now() - started > 120000) throw new Error(`Waited in vain for ${what}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const seek = async (time) => {
    video.currentTime = time;
    await until(() => !video.seeking && video.readyState > 2, `a seek to ${time}`);
  };
  const rungs = player.rungs(), reached = [], sizes = [];
  window.seen = { rungs, reached, errors: player.errors };
  const order = [...rungs.keys(), ...[...rungs.keys()].reverse().slice(1)];
  const cues = new Set();
  const look = setInterval(() => {
    for (const track of video.textTracks) {
      for (const cue of track.activeCues ?? []) cues.add(cue.text);
    }
  }, 20);
  await video.play();
  await until(() => video.currentTime > 0.1, "the start");
  for (const rung of order) {
    player.choose(rung);
    await seek(0);
    await video.play();
    await until(() => player.current() === rung && video.currentTime > 0.3, `rung ${rung}`);
    reached.push(player.current());
    sizes.push(`${video.videoWidth}x${video.videoHeight}`);
  }
  player.showText();
  await seek(0);
  await video.play();
  await until(() => video.ended, "the end");
  await seek(video.duration / 2);
  clearInterval(look);
  const quality = video.getVideoPlaybackQuality();
  return {
    rungs, order, reached, sizes, errors: player.errors, cues: [...cues], ended: true,
    audio: player.audio(), shown: player.shown, duration: video.duration,
    audioBytes: video.webkitAudioDecodedByteCount,
    frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames,
  };
}).catch((error) => ({ failed: String(error) }));
if (found.failed) found.seen = await page.evaluate(() => window.seen);
if (screenshot) await page.screenshot({ path: screenshot });
await close();
console.log(JSON.stringify({ ...found, missing, thrown }));
