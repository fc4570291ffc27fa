#!/bin/sh
# Makes a folder that HLS and DASH players can open, of a ladder saved as JSON:
#
#   vmafx-tune ladder -r source.mp4 -c libx264 -o ladder.json
#   sh package_ladder.sh ladder.json title
#
# Run it where `vmafx-tune ladder` ran: the encode commands name the source as that run did, and
# leave their MP4 files in the current directory. Needs jq and vmafx-tune; ffmpeg is the one that
# the ladder was measured with.
set -eu

if [ $# -ne 2 ]; then
  echo "Usage: $0 LADDER.json FOLDER" >&2
  exit 2
fi
ladder=$1
folder=$2
here=$(pwd)

field() {
  jq -er "$1" <"$ladder"
}

manifest() {
  vmafx-tune ladder --quiet --from-json "$ladder" --format "$1"
}

# What the manifests call a rendition: only characters that a URL leaves alone.
delivered_name='gsub("[^A-Za-z0-9._~]+"; "-") | sub("^[-._~]+"; "") | sub("[-._~]+$"; "")'

# Before hours of encodes: a ladder that no manifest can describe ends here, with the reason.
hls=$(manifest hls)
dash=$(manifest dash)
ffmpeg=$(field .ffmpeg_bin)
renditions=$(field '.renditions | length')

# An exact number of seconds, such as 6 or 3003/500. Rounded downwards, so that no segment waits
# for the next keyframe.
seconds=$(field .segment_duration)
case $seconds in
  */*) microseconds=$((${seconds%/*} * 1000000 / ${seconds#*/})) ;;
  *) microseconds=$((seconds * 1000000)) ;;
esac

mkdir -p -- "$folder"
rendition=0
while [ "$rendition" -lt "$renditions" ]; do
  encoded=$(field ".renditions[$rendition].name").mp4
  name=$(field ".renditions[$rendition].name | $delivered_name")
  encode=$(field ".renditions[$rendition] | .chunk_commands[]?, .encode_command")
  rendition=$((rendition + 1))

  echo "Rendition $rendition of $renditions: $name" >&2
  printf '%s\n' "$encode" | sh -e
  (
    cd -- "$folder"
    "$ffmpeg" -hide_banner -nostdin -v warning -y \
      -i "file:$here/$encoded" -map 0:V:0 -c copy \
      -f hls -hls_playlist_type vod -hls_segment_type fmp4 -hls_time "${microseconds}us" \
      -hls_fmp4_init_filename "$name-init.mp4" \
      -start_number 1 -hls_segment_filename "$name-%d.m4s" \
      "$name.m3u8"
  )
done

printf '%s\n' "$hls" >"$folder/master.m3u8"
printf '%s\n' "$dash" >"$folder/manifest.mpd"
echo "Play $folder/master.m3u8 (HLS) or $folder/manifest.mpd (DASH)." >&2
