# shellcheck shell=bash
# What the workflows share, always as it is on `main`. For `source`, in a step of bash.

# Ends the step, and leaves for the comment why. What the request says goes out quoted, so that it is no command to the
# runner, and into the comment with nothing in it that Markdown knows.
refuse() {
  local LC_ALL=C shown
  shown=${2//[!A-Za-z0-9._\/-]/?}
  echo "**No plan:** $1: \`${shown:0:100}\`" > "$RUNNER_TEMP/refused"
  printf '::error title=Refused::%s: %q\n' "$1" "$2"
  exit 1
}

# take TREE FOLDER: writes the room files of a tree below the folder, as git has them: a checkout would follow links, and
# attributes can change the text on the way.
take() {
  local LC_ALL=C entry path mode object
  git ls-tree -r -z --full-tree "$1" -- rooms > "$RUNNER_TEMP/list"
  while IFS= read -r -d '' entry; do
    path=${entry#*$'\t'}
    read -r mode _ object <<< "${entry%%$'\t'*}"
    case $mode in
      100644 | 100755) ;;
      *) refuse 'only regular files can be below rooms/' "$path" ;;
    esac
    case $path in
      # People would look at other text than what is applied.
      */.gitattributes) refuse 'no .gitattributes can be below rooms/' "$path" ;;
      # Roomsync reads no hidden files either, and no `..` comes further.
      */.*) continue ;;
      *[!A-Za-z0-9._/-]*) refuse 'a name below rooms/ can have letters, digits and . _ - only' "$path" ;;
      *.yaml | *.yml) ;;
      *) continue ;;
    esac
    mkdir -p "$2/${path%/*}"
    git cat-file blob "$object" > "$2/$path"
  done < "$RUNNER_TEMP/list"
}

# quietly COMMAND…: runs it, and lets the runner take no line that it prints for a command: some are lines of files. The
# marks go to standard error. What the command prints must go there, too, or into a file: between two streams there is no order.
quietly() {
  local end code=0
  end=$(< /proc/sys/kernel/random/uuid)
  echo "::stop-commands::$end" >&2
  "$@" || code=$?
  echo "::$end::" >&2
  return "$code"
}

# install_roomsync: puts roomsync into the PATH of the steps that follow: what was released, if an archive is named and it has the
# checksum that stands beside it; else what was built from the commit, which is built once.
install_roomsync() {
  local folder=$HOME/.roomsync archive=$RUNNER_TEMP/roomsync.tar.gz
  if [ -n "$ROOMSYNC_ARCHIVE" ]; then
    curl --fail --silent --show-error --location --proto '=https' --max-time 300 --output "$archive" "$ROOMSYNC_ARCHIVE"
    if ! sha256sum --check --strict --status <<< "$ROOMSYNC_SHA256  $archive"; then
      echo "::error title=Another archive::it has not the SHA-256 that stands in the workflow"
      exit 1
    fi
    mkdir -p "$folder/bin"
    tar -xzf "$archive" -C "$folder/bin" --strip-components=1 --no-wildcards-match-slash --wildcards 'roomsync-*/roomsync'
  elif ! [ -x "$folder/bin/roomsync" ]; then
    cargo install --locked --root "$folder" --git "$ROOMSYNC_SOURCE" --rev "$ROOMSYNC_COMMIT" roomsync
  fi
  echo "$folder/bin" >> "$GITHUB_PATH"
}
