const POLL_MS = 2000;
const LOST_MS = 7000;
const STEP = 200;
const ATTENTION = 12;

const page = {
  status: null,
  tag: null,
  heard: 0,
  broken: "",
  lost: false,
  find: "",
  only: new Set(),
  most: innerWidth < 700 ? 25 : STEP,
  pinned: null,
  rows: new Map(),
  details: new Map(),
};

function roomLabel(id) {
  const room = page.status.rooms.find((room) => room.id === id);
  return (room && room.name) || id;
}

function roomLink(id) {
  return make("a", { href: `#room-${id}`, "data-key": `link-${id}` }, roomLabel(id));
}

// ---- the headline

function drawGlance(status) {
  const lost = page.lost;
  const when = page.heard && new Date(page.heard).toLocaleTimeString();
  const [tone, sign, said] = lost
    ? ["lost", "?", when ? `No contact with roomsync: not updated since ${when}` : "No contact with roomsync"]
    : status
      ? headline(status)
      : ["quiet", "…", "Asking roomsync…"];
  $("glance").dataset.tone = tone;
  document.body.classList.toggle("lost", lost);
  setText($("sign"), sign);
  setText($("headline"), said);
  const wants = status ? status.attention.length : 0;
  document.title = lost ? "? roomsync: no contact" : wants ? `(${wants}) roomsync` : `${sign} roomsync`;
  const list = lost
    ? [
        page.broken || "It does not answer.",
        status ? "What stands below was so then, and may be otherwise now." : "",
        "This page goes on trying every two seconds.",
      ].filter(Boolean)
    : status
      ? status.attention.slice(0, ATTENTION)
      : [];
  if (!lost && wants > ATTENTION) list.push(`And ${wants - ATTENTION} more: see below.`);
  draw($("attention"), list, () => list.map((text) => make("li", {}, prose(text))));
  if (!status) return;
  const { passes } = status;
  const unseen = status.rooms.filter((room) => room.state === "unseen").length;
  const { progress } = status;
  draw($("beat"), [passes, progress, status.files.taken, status.files.files, unseen, wants, lost], () =>
    lost
      ? []
      : [
          passes.running_since
            ? make(
                "span",
                {},
                `Looking at all rooms now${unseen && wants ? `: ${status.rooms.length - unseen} of ${status.rooms.length}` : ""}, begun `,
                time(passes.running_since),
              )
            : make(
                "span",
                {},
                passes.last_ended
                  ? ["Looked at every room ", time(passes.last_ended)]
                  : "Not every room was looked at yet",
              ),
          ...(progress ? progressWords(progress) : []).map((words) => make("span", {}, words)),
          !passes.running_since && passes.next && make("span", {}, "next look ", time(passes.next, "due")),
          status.files.taken &&
            make("span", {}, `${many(status.files.files, "file")} taken `, time(status.files.taken)),
          passes.last_ended &&
            !(passes.last_good >= passes.last_begun) &&
            make("span", {}, "last good look ", time(passes.last_good)),
        ],
  );
}

// ---- what stands in the way

function drawBlocks(status) {
  const {
    withheld,
    service: { trouble },
    files,
    holds,
  } = status;
  draw(
    $("withheld"),
    withheld,
    () =>
      withheld &&
      notice(
        withheld.code === "quota" ? "warn" : "busy",
        WITHHELD[withheld.code] || "Nothing is written",
        make("p", {}, prose(withheld.message)),
      ),
  );
  drawPending(status.pending);
  draw(
    $("trouble"),
    trouble,
    () =>
      trouble &&
      notice(
        "bad",
        "The service is in trouble",
        make("p", {}, prose(trouble.message), " ", make("span", { class: "soft" }, `(${trouble.code})`)),
        make(
          "p",
          { class: "soft" },
          "For ",
          time(trouble.since, "lasting"),
          `, met ${many(trouble.times, "time")}`,
          trouble.next_try && " · next try ",
          trouble.next_try && time(trouble.next_try, "due"),
        ),
      ),
  );
  draw(
    $("problems"),
    [files.valid, files.problems, files.taken],
    () =>
      (files.problems.length || !files.valid) &&
      notice(
        files.valid ? "warn" : "bad",
        files.valid ? "Something in the files is probably not meant" : "The files on the disk are not valid",
        !files.valid &&
          make(
            "p",
            {},
            files.taken
              ? "What they said before stays in force, taken "
              : "No set of files is in force, so nothing is done.",
            files.taken && time(files.taken),
          ),
        make(
          "ul",
          { class: "problems" },
          files.problems
            .slice(0, 50)
            .map((problem) =>
              make(
                "li",
                {},
                make(
                  "p",
                  { class: "spot" },
                  make("b", {}, problem.severity),
                  " ",
                  [problem.file, problem.line, problem.column].filter((part) => part !== null).join(":"),
                  " ",
                  make("span", { class: "soft" }, `(${problem.code})`),
                ),
                make("p", {}, prose(problem.message)),
                problem.help && make("p", { class: "soft" }, "Help: ", prose(problem.help)),
              ),
            ),
        ),
        files.problems.length > 50 &&
          make("p", {}, `And ${files.problems.length - 50} more: `, code("roomsync validate"), " shows all."),
      ),
  );
  drawHeld(status, holds);
}

/** Who stays until the room files have been unchanged for long enough. */
function drawPending(pending) {
  const waits = pending && pending.removals + pending.demotions > 0;
  draw($("pending"), waits && [pending.removals, pending.demotions, pending.rooms, pending.until, pending.file], () => {
    if (!waits) return null;
    const parts = [
      pending.removals && many(pending.removals, "removal"),
      pending.demotions && many(pending.demotions, "demotion"),
    ].filter(Boolean);
    return notice(
      "busy",
      `${parts.join(" and ")} wait until the room files have settled`,
      make(
        "p",
        {},
        `In ${many(pending.rooms, "room")}. They go on once no room file has changed for a while`,
        pending.until ? ", " : ".",
        pending.until && time(pending.until, "due"),
      ),
      pending.file && make("p", { class: "soft" }, "Changed last: ", code(pending.file)),
    );
  });
}

function drawHeld(status, holds) {
  const total = status.rooms.flatMap((room) => room.blocked).find((block) => block.guard === "max_removals_total");
  const blocked = status.rooms.flatMap((room) =>
    room.blocked
      .filter((block) => block.guard !== "max_removals_total")
      .map((block) => [room.id, room.name, block]),
  );
  const first = blocked.slice(0, 6);
  const firstHolds = holds.slice(0, 20);
  draw(
    $("held"),
    [total, first, blocked.length, firstHolds, holds.length],
    () =>
      (total || blocked.length || holds.length) &&
      notice(
        "warn",
        "Held back until you decide",
        make(
          "div",
          { class: "cards" },
          total && make("article", {}, make("h3", {}, "All rooms"), blockedWords(total)),
          firstHolds.map((hold) => make("article", {}, make("h3", {}, roomLink(hold.room)), holdWords(hold))),
          first.map(([id, , block]) => make("article", {}, make("h3", {}, roomLink(id)), blockedWords(block))),
        ),
        holds.length > firstHolds.length &&
          make("p", {}, `And the names of ${many(holds.length - firstHolds.length, "more room")}.`),
        blocked.length > first.length &&
          make(
            "p",
            {},
            `And ${many(blocked.length - first.length, "more")}: the blocked rooms below say the same.`,
          ),
      ),
  );
}

// ---- what was done, and who stands apart

function drawSide(status) {
  draw($("feed"), [status.changes, status.withheld && true], () =>
    status.changes.length
      ? feed(status.changes, true)
      : make("p", { class: "soft" }, "Nothing was changed since the start."),
  );
  const { aside, coming_and_going: going } = status;
  draw($("folk"), [aside, going], () => [
    !aside.length && !going.length && make("p", { class: "soft" }, "Nobody is set aside, nobody comes and goes."),
    aside.length > 0 && make("h3", {}, `Set aside (${aside.length})`),
    aside.length > 0 &&
      make(
        "ul",
        { class: "folk" },
        aside
          .slice(0, STEP)
          .map((who) =>
            make(
              "li",
              {},
              make("p", {}, make("b", {}, who.user), " in ", who.room ? roomLink(who.room) : "every room"),
              make("p", {}, prose(who.message), make("span", { class: "soft" }, ` (${who.code})`)),
              make(
                "p",
                { class: "soft" },
                "For ",
                time(who.since, "lasting"),
                " · tried again ",
                time(who.until, "due"),
                ", or when a file that names them changes",
              ),
            ),
          ),
      ),
    aside.length > STEP && make("p", {}, `And ${aside.length - STEP} more.`),
    going.length > 0 && make("h3", {}, `Coming and going (${going.length})`),
    going.length > 0 &&
      make(
        "ul",
        { class: "folk" },
        going
          .slice(0, STEP)
          .map((who) =>
            make(
              "li",
              {},
              make("p", {}, make("b", {}, who.user), " in ", roomLink(who.room)),
              make(
                "p",
                { class: "soft" },
                "Put back again and again, and leaves. Left alone; put back again ",
                time(who.until, "due"),
              ),
            ),
          ),
      ),
  ]);
  const { service, files } = status;
  setText($("app"), service.app);
  draw($("foot"), [status.version, status.started, service, files.digest, files.revision], () => [
    make("span", {}, `roomsync ${status.version}, up for `, time(status.started, "lasting")),
    make("span", { class: "spot" }, service.url),
    files.digest && make("span", { class: "spot", title: files.digest }, `files ${files.digest.slice(0, 19)}`),
    files.revision &&
      make(
        "span",
        { class: "spot", title: files.revision },
        `commit ${files.revision.replace(/^(.{12})[0-9a-f]*/, "$1")}`,
      ),
    make("a", { href: "/api/status" }, "/api/status"),
    make("a", { href: "/metrics" }, "/metrics"),
  ]);
}

