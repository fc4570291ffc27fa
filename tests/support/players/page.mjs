// One way to drive hls.js, dash.js and Shaka Player: `window.player`, once it is open.

const video = document.querySelector("video");
const asked = new URLSearchParams(location.search);
const errors = [];

function load(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: source, onload: resolve, onerror: reject });
    document.head.append(script);
  });
}

async function openHls(folder) {
  await load("/node_modules/hls.js/dist/hls.min.js");
  const hls = new Hls();
  let current = -1;
  // A download that a switch makes needless is aborted, which is reported, but is no fault.
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (data.details !== "aborted") errors.push(`${data.type} ${data.details}`);
  });
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, data) => { current = data.level; });
  hls.loadSource(`${folder}/master.m3u8`);
  hls.attachMedia(video);
  await new Promise((resolve) => hls.on(Hls.Events.MANIFEST_PARSED, resolve));
  return {
    rungs: () => hls.levels.map((each) => `${each.videoCodec} ${each.width}x${each.height} ${each.bitrate}`),
    choose: (rung) => { hls.currentLevel = rung; },
    current: () => current,
    showText: () => { hls.subtitleTrack = 0; hls.subtitleDisplay = true; },
    audio: () => hls.audioTracks.map((each) => each.lang),
  };
}

async function openDash(folder) {
  await load("/node_modules/dashjs/dist/modern/umd/dash.all.min.js");
  const player = dashjs.MediaPlayer().create();
  player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false } } } });
  player.on("error", (event) => errors.push(`${event.error?.code} ${event.error?.message}`));
  player.on("playbackError", (event) => errors.push(`playback ${event.error}`));
  const ready = new Promise((resolve) => player.on("streamInitialized", resolve));
  player.initialize(video, `${folder}/manifest.mpd`, false);
  await ready;
  const all = () => player.getRepresentationsByType("video");
  return {
    rungs: () => all().map((each) => `${each.codecs} ${each.width}x${each.height} ${each.bandwidth}`),
    choose: (rung) => player.setRepresentationForTypeByIndex("video", rung, true),
    current: () => player.getCurrentRepresentationForType("video")?.index ?? -1,
    showText: () => { player.enableText(true); player.setTextTrack(0); },
    audio: () => player.getTracksFor("audio").map((each) => each.lang),
  };
}

async function openShaka(folder, manifest) {
  await load("/node_modules/shaka-player/dist/shaka-player.compiled.js");
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  player.configure({ abr: { enabled: false } });
  player.addEventListener("error", (event) => errors.push(`${event.detail.code} ${event.detail.data}`));
  await player.load(`${folder}/${manifest}`);
  const language = player.getVariantTracks()[0].language;
  const all = () => player.getVariantTracks().filter((each) => each.language === language)
    .sort((one, other) => one.bandwidth - other.bandwidth);
  return {
    rungs: () => all().map((each) => `${each.videoCodec} ${each.width}x${each.height} ${each.bandwidth}`),
    choose: (rung) => player.selectVariantTrack(all()[rung]),
    current: () => all().findIndex((each) => each.active),
    showText: () => { player.selectTextTrack(player.getTextTracks()[0]); player.setTextTrackVisibility?.(true); },
    audio: () => player.getAudioLanguages(),
  };
}

const open = { "hls.js": openHls, "dash.js": openDash, "shaka-hls": openShaka, "shaka-dash": openShaka };
const kind = asked.get("player");
const manifest = kind === "shaka-hls" ? "master.m3u8" : "manifest.mpd";
window.opening = open[kind]("/title", manifest).then((player) => {
  window.player = { ...player, errors };
});
