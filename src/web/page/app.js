
const POLL_MS = 2000;
const LOST_MS = 7000;
const DIFF_LINES = 500;
const STEP = 200;
const STATES = {
  failed: ["×", "Failed", "bad"],
  blocked: ["!", "Blocked", "warn"],
  changing: ["→", "Changing", "busy"],
  unseen: ["…", "Not seen yet", "quiet"],
  observed: ["·", "Observed", "quiet"],
  in_sync: ["✓", "In sync", "good"],
};
const RANK = Object.keys(STATES);
const DONE = { add: "added to", promote: "made admin of", demote: "no longer admin of", remove: "removed from" };
const UNDONE = { add: "not added to", promote: "not made admin of", demote: "still admin of", remove: "not removed from" };
const WANTS = { max_removals: "removal", max_demotions: "demotion", max_additions: "addition", max_removals_total: "removal" };

const page = {
  status: null, tag: null, heard: 0, broken: "", lost: false,
  find: "", only: new Set(), most: innerWidth < 700 ? 25 : STEP, pinned: null,
  rows: new Map(), details: new Map(),
};

function roomLabel(id) {
  const room = page.status.rooms.find((room) => room.id === id);
  return (room && room.name) || id;
}

function roomLink(id) {
  return make("a", { href: `#room-${id}`, "data-key": `link-${id}` }, roomLabel(id));
}

// ---- the headline

function headline(status) {
  const count = (state) => status.rooms.filter((room) => room.state === state).length;
  const rooms = many(status.rooms.length, "room");
  const [unseen, failed, blocked, changing, observed] = ["unseen", "failed", "blocked", "changing", "observed"].map(count);
  const wants = status.attention.length;
  if (wants) return ["warn", "!", `${many(wants, "thing wants", "things want")} you:`];
  if (failed + blocked) return ["warn", "!", `${many(failed + blocked, "room needs", "rooms need")} a look`];
  if (!status.files.valid) return ["warn", "!", "The room files on the disk are not valid"];
  if (status.service.trouble) return ["warn", "!", "The service does not answer as it should"];
  if (status.holds.length) return ["warn", "!", "Names are held that left the files"];
  if (!status.rooms.length) return ["quiet", "…", "No room files are in force yet"];
  if (unseen) return ["busy", "…", `Looking at the rooms for the first time: ${status.rooms.length - unseen} of ${status.rooms.length}`];
  if (status.withheld) return ["quiet", "=", changing ? `Nothing is written; ${changing} of ${rooms} would change` : `Nothing is written, and nothing would be: ${rooms} as the files say`];
  if (changing) return ["busy", "→", `${many(changing, "room is", "rooms are")} being brought in line`];
  if (observed === status.rooms.length) return ["quiet", "·", `${rooms} observed, none written to`];
  const only = observed ? `, ${many(observed, "only observed", "only observed")}` : "";
  return ["good", "✓", `All is well: ${many(status.rooms.length - observed, "room")} as the files say${only}`];
}

function drawGlance(status) {
  const lost = page.lost;
  const when = page.heard && new Date(page.heard).toLocaleTimeString();
  const [tone, sign, said] = lost
    ? ["lost", "?", when ? `No contact with roomsync: not updated since ${when}` : "No contact with roomsync"]
    : status ? headline(status) : ["quiet", "…", "Asking roomsync…"];
  $("glance").dataset.tone = tone;
  document.body.classList.toggle("lost", lost);
  setText($("sign"), sign);
  setText($("headline"), said);
  const wants = status ? status.attention.length : 0;
  document.title = lost ? "? roomsync: no contact" : wants ? `(${wants}) roomsync` : `${sign} roomsync`;
  const list = lost
    ? [page.broken || "It does not answer.", status ? "What stands below was so then, and may be otherwise now." : "", "This page goes on trying every two seconds."].filter(Boolean)
    : status ? status.attention : [];
  draw($("attention"), list, () => list.map((text) => make("li", {}, prose(text))));
  if (!status) return;
  const { passes } = status;
  const unseen = status.rooms.filter((room) => room.state === "unseen").length;
  draw($("beat"), [passes, status.files.taken, status.files.files, unseen, lost], () => (lost ? [] : [
    passes.running_since
      ? make("span", {}, `Looking at all rooms now${unseen ? `: ${status.rooms.length - unseen} of ${status.rooms.length}` : ""}, begun `, time(passes.running_since))
      : make("span", {}, "Looked at every room ", passes.last_ended ? time(passes.last_ended) : "not yet"),
    !passes.running_since && passes.next && make("span", {}, "next look ", time(passes.next, "due")),
    status.files.taken && make("span", {}, `${many(status.files.files, "file")} taken `, time(status.files.taken)),
    passes.last_ended && !(passes.last_good >= passes.last_begun) && make("span", {}, "last good look ", time(passes.last_good)),
  ]));
}

// ---- what stands in the way

function notice(tone, title, ...children) {
  return make("section", { class: `notice ${tone}` }, make("h2", {}, title), ...children);
}

const WITHHELD = { dry_run: "Dry run: nothing is written", paused: "Paused: nothing is written",
  audit_log: "The audit log cannot be written, so nothing is", state_dir: "The state cannot be kept, so nothing is written" };

function drawBlocks(status) {
  const { withheld, service: { trouble }, files, holds } = status;
  draw($("withheld"), withheld, () => withheld && notice("busy", WITHHELD[withheld.code] || "Nothing is written", make("p", {}, prose(withheld.message))));
  draw($("trouble"), trouble, () => trouble && notice("bad", "The service is in trouble",
    make("p", {}, prose(trouble.message), " ", make("span", { class: "soft" }, `(${trouble.code})`)),
    make("p", { class: "soft" }, "For ", time(trouble.since, "lasting"), `, met ${many(trouble.times, "time")}`,
      trouble.next_try && " · next try ", trouble.next_try && time(trouble.next_try, "due"))));
  draw($("problems"), [files.valid, files.problems, files.taken], () => (files.problems.length || !files.valid) && notice(
    files.valid ? "warn" : "bad",
    files.valid ? "Something in the files is probably not meant" : "The files on the disk are not valid",
    !files.valid && make("p", {}, files.taken ? "What they said before stays in force, taken " : "No set of files is in force, so nothing is done.",
      files.taken && time(files.taken)),
    make("ul", { class: "problems" }, files.problems.slice(0, 50).map((problem) => make("li", {},
      make("p", { class: "spot" }, make("b", {}, problem.severity), " ",
        [problem.file, problem.line, problem.column].filter((part) => part !== null).join(":"), " ",
        make("span", { class: "soft" }, `(${problem.code})`)),
      make("p", {}, prose(problem.message)),
      problem.help && make("p", { class: "soft" }, "Help: ", prose(problem.help))))),
    files.problems.length > 50 && make("p", {}, `And ${files.problems.length - 50} more: `, code("roomsync validate"), " shows all.")));
  drawHeld(status, holds);
}

/** How to let through what a guard holds. */
function blockedWords(block) {
  const { guard, limit, wanted, of } = block;
  const total = guard === "max_removals_total";
  const kept = guard === "max_additions" ? "nobody is added, removed or demoted" : "nobody is removed or demoted";
  const words = many(wanted, `${WANTS[guard] || "change"} is`, `${WANTS[guard] || "change"}s are`);
  return [
    make("p", {}, code(guard), ` allows ${limit} of ${of}, ${words} wanted${total ? " in all rooms together" : ""}. Until it allows them, ${kept} ${total ? "in any room" : "here"}.`),
    make("p", {}, "If they are meant, write ", make("code", { class: "fix" }, `guards: {${guard}: ${wanted}}`),
      total ? " into the settings and start anew." : " into the room's entry and merge."),
  ];
}

function holdWords(hold) {
  const demotions = hold.guard === "max_demotions";
  const kept = demotions ? "demoted" : "removed";
  return [
    make("p", {}, `${many(hold.dropped, "name")} of ${hold.of} left the ${demotions ? "admins" : "list"} of this room at once, `, time(hold.since), "; ",
      code(hold.guard), ` allows ${hold.limit}. ${hold.held === hold.dropped ? "None of them is" : `The ${hold.held} still held are not`} ${kept} until a person decides.`),
    make("p", {}, "Put them back, or allow it with ", make("code", { class: "fix" }, `guards: {${hold.guard}: ${hold.dropped}}`), " in the room's own entry, and merge."),
    make("details", { "data-key": `hold-${hold.room}-${hold.guard}` }, make("summary", { "data-key": `who-${hold.room}-${hold.guard}` }, `Who: ${many(hold.held, "name")}`),
      make("p", { class: "names" }, hold.users.join(", "), hold.held > hold.users.length && ` and ${many(hold.held - hold.users.length, "more", "more")}`)),
  ];
}

function drawHeld(status, holds) {
  const total = status.rooms.flatMap((room) => room.blocked).find((block) => block.guard === "max_removals_total");
  const blocked = status.rooms.flatMap((room) => room.blocked.filter((block) => block.guard !== "max_removals_total").map((block) => [room.id, room.name, block]));
  const first = blocked.slice(0, 6);
  const firstHolds = holds.slice(0, 20);
  draw($("held"), [total, first, blocked.length, firstHolds, holds.length], () => (total || blocked.length || holds.length) && notice("warn", "Held back until you decide",
    make("div", { class: "cards" },
      total && make("article", {}, make("h3", {}, "All rooms"), blockedWords(total)),
      firstHolds.map((hold) => make("article", {}, make("h3", {}, roomLink(hold.room)), holdWords(hold))),
      first.map(([id, , block]) => make("article", {}, make("h3", {}, roomLink(id)), blockedWords(block)))),
    holds.length > firstHolds.length && make("p", {}, `And the names of ${many(holds.length - firstHolds.length, "more room")}.`),
    blocked.length > first.length && make("p", {}, `And ${many(blocked.length - first.length, "more")}: the blocked rooms below say the same.`)));
}

// ---- the rooms

const differs = (room) => room.add + room.remove + room.promote + room.demote;
const rank = (room) => RANK.indexOf(room.state) * 2 + (room.state === "observed" && differs(room) ? -1 : 0);

function chosen(status) {
  const words = page.find.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (room) => {
    const text = `${room.id} ${(room.name || "").toLowerCase()}`;
    return (!page.only.size || page.only.has(room.state)) && words.every((word) => text.includes(word));
  };
  const label = (room) => room.name || room.id;
  return status.rooms.filter(fits).sort((a, b) => rank(a) - rank(b) || (label(a) < label(b) ? -1 : label(a) > label(b) ? 1 : 0));
}

function drawChips(status) {
  const counts = RANK.map((state) => status.rooms.filter((room) => room.state === state).length);
  draw($("chips"), [counts, [...page.only]], () => RANK.map((state, index) => {
    const [sign, word, tone] = STATES[state];
    const on = page.only.has(state);
    if (!counts[index] && !on) return null;
    const flip = () => { if (!page.only.delete(state)) page.only.add(state); drawRooms(page.status); };
    return make("button", { type: "button", class: `chip ${tone}`, "aria-pressed": String(on), "data-key": state, onclick: flip },
      make("span", { "aria-hidden": "true" }, sign), ` ${word} `, make("b", {}, counts[index].toLocaleString("en")));
  }));
}

function drawRooms(status) {
  drawChips(status);
  const all = chosen(status);
  const drawn = all.slice(0, page.most);
  const pinned = status.rooms.find((room) => room.id === page.pinned);
  if (pinned && !drawn.includes(pinned)) drawn.unshift(pinned);
  setText($("shown"), all.length === status.rooms.length && drawn.length >= all.length
    ? many(all.length, "room") : `${Math.min(drawn.length, all.length).toLocaleString("en")} shown of ${many(all.length, "room")}${all.length < status.rooms.length ? ` that fit, ${status.rooms.length.toLocaleString("en")} in all` : ""}`);
  const rest = all.length - page.most;
  $("more").hidden = rest <= 0;
  setText($("more"), `Show ${Math.min(rest, STEP)} more`);
  const list = $("list");
  const focus = list.contains(document.activeElement) ? document.activeElement : null;
  const keep = new Set(drawn.map((room) => room.id));
  for (const [id, row] of page.rows) {
    if (!keep.has(id)) { row.remove(); page.rows.delete(id); }
  }
  let next = list.firstElementChild;
  for (const room of drawn) {
    let row = page.rows.get(room.id);
    if (!row) page.rows.set(room.id, (row = newRow(room.id)));
    fillRow(row, room);
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
  }
  if (focus && focus.isConnected && focus !== document.activeElement) focus.focus({ preventScroll: true });
}

function newRow(id) {
  const button = make("button", { type: "button", class: "row", "aria-expanded": "false", "aria-controls": `body-${id}`, onclick: () => toggle(id) });
  const row = make("li", { id: `room-${id}` }, make("h3", {}, button), make("p", { class: "why", hidden: true }), make("div", { class: "body", id: `body-${id}`, hidden: true }));
  if (page.details.has(id)) expand(row, true);
  return row;
}

function expand(row, open) {
  row.querySelector(".row").setAttribute("aria-expanded", String(open));
  row.querySelector(".body").hidden = !open;
}

function drift(room) {
  const parts = [[room.add, "+", "to add"], [room.remove, "−", "to remove"], [room.promote, "↑", "to promote"], [room.demote, "↓", "to demote"]].filter(([number]) => number);
  if (!parts.length) return make("span", { class: "drift soft" }, room.state === "observed" ? "as wanted" : "");
  return make("span", { class: "drift" }, parts.map(([number, sign, word], index) =>
    make("span", { title: `${number} ${word}` }, make("span", { "aria-hidden": "true" }, `${sign}${number}`), hidden(`${index ? ", " : ""}${number} ${word}`))));
}

function why(room) {
  const parts = [];
  if (room.error) parts.push(room.error.user ? `${room.error.user}: ${room.error.message}` : room.error.message);
  for (const { guard, limit, of, wanted } of room.blocked) parts.push(`${guard} allows ${limit} of ${of}, ${wanted} wanted`);
  return parts.join(" · ");
}

function fillRow(row, room) {
  const [sign, word, tone] = STATES[room.state] || ["?", room.state, "quiet"];
  row.dataset.tone = tone;
  const button = row.querySelector(".row");
  draw(button, [room, page.lost], () => [
    make("span", { class: `state ${tone}` }, make("span", { class: "dot", "aria-hidden": "true" }, sign), hidden("State: "), page.lost ? `was ${word.toLowerCase()}` : word),
    make("span", { class: "label" }, make("bdi", { class: "name" }, room.name || room.id), room.name && make("span", { class: "id soft" }, room.id)),
    drift(room),
    make("span", { class: "seen soft" }, room.looked ? hidden("looked at ") : "", room.looked ? time(room.looked) : "not looked at"),
  ]);
  const because = row.querySelector(".why");
  const text = why(room);
  draw(because, [text, room.next_try], () => [text, room.next_try && make("span", { class: "soft" }, text && " · ", "next try ", time(room.next_try, "due"))]);
  because.hidden = !text && !room.next_try;
  if (page.details.has(room.id)) fillDetail(row, room.id);
}

function toggle(id) {
  const row = page.rows.get(id);
  const open = !page.details.has(id);
  if (open) page.details.set(id, { tag: null, room: null, error: "" });
  else page.details.delete(id);
  if (!open && page.pinned === id) page.pinned = null;
  history.replaceState(null, "", open ? `#room-${id}` : location.pathname);
  expand(row, open);
  if (open) { fillDetail(row, id); fetchDetail(id); }
}

async function fetchDetail(id) {
  const detail = page.details.get(id);
  if (!detail) return;
  try {
    const answer = await ask(`/api/rooms/${id}`, detail.tag);
    if (answer) Object.assign(detail, answer, { room: answer.body, error: "" });
  } catch (error) {
    detail.error = error.message;
  }
  const row = page.rows.get(id);
  if (row && page.details.get(id) === detail) fillDetail(row, id);
}

function fillDetail(row, id) {
  const { room, error } = page.details.get(id);
  draw(row.querySelector(".body"), [room, error], () => {
    if (!room) return make("p", { class: "soft" }, error ? `This room cannot be shown: ${error}` : "Asking…");
    const lines = room.diff.slice(0, DIFF_LINES);
    return [
      error && make("p", { class: "soft" }, `Not updated: ${error}`),
      make("p", { class: "facts soft" }, `Mode ${room.mode}`, room.live && ` · ${many(room.live.members, "member")}, ${many(room.live.admins, "admin")} live`,
        ` · ${(STATES[room.state] || ["", room.state])[1].toLowerCase()} for `, time(room.since, "lasting"), ` · id ${room.id}`),
      room.error && make("p", { class: "error" }, make("b", {}, "Error: "), room.error.user && `${room.error.user}: `, prose(room.error.message), make("span", { class: "soft" }, ` (${room.error.code})`)),
      room.blocked.map(blockedWords),
      room.hold && holdWords(room.hold),
      make("h4", {}, "Live → wanted"),
      lines.length ? make("div", { class: "diff", role: "group", "aria-label": "From live to wanted", tabindex: "0", "data-key": `diff-${id}` },
        lines.map((line) => make(line[0] === "+" ? "ins" : line[0] === "-" ? "del" : "span", {}, line)))
        : make("p", { class: "soft" }, "Nobody differs."),
      room.diff.length > lines.length && make("p", {}, `And ${many(room.diff.length - lines.length, "more line")}: `, code(`roomsync plan --room ${id}`), " shows all."),
      room.remarks.length > 0 && make("h4", {}, "Remarks"),
      room.remarks.length > 0 && make("ul", { class: "remarks" }, room.remarks.slice(0, 100).map((note) =>
        make("li", {}, note.user && make("b", {}, `${note.user}: `), prose(note.message), make("span", { class: "soft" }, ` (${note.code})`)))),
      room.changes.length > 0 && make("h4", {}, "Its last changes"),
      room.changes.length > 0 && feed(room.changes, false),
    ].flat(3);
  });
}

// ---- what was done, and who stands apart

function feed(changes, named) {
  return make("ol", { class: "feed" }, changes.map((change) => {
    const done = change.result === "done";
    return make("li", { class: done ? "" : "undone" },
      make("p", {}, make("span", { class: "op", "aria-hidden": "true" }, done ? { add: "+", remove: "−", promote: "↑", demote: "↓" }[change.op] : "×"),
        make("b", {}, change.user), ` ${(done ? DONE : UNDONE)[change.op] || change.op} `, named ? roomLink(change.room) : "it", !done && `: ${change.result}`),
      make("p", { class: "soft" }, time(change.time), change.file && " · as ", change.file && make("span", { class: "spot" }, `${change.file}${change.line ? `:${change.line}` : ""}`), change.file && " says"));
  }));
}

function drawSide(status) {
  draw($("feed"), [status.changes, status.withheld && true], () => status.changes.length ? feed(status.changes, true) : make("p", { class: "soft" }, "Nothing was changed since the start."));
  const { aside, coming_and_going: going } = status;
  draw($("folk"), [aside, going], () => [
    !aside.length && !going.length && make("p", { class: "soft" }, "Nobody is set aside, nobody comes and goes."),
    aside.length > 0 && make("h3", {}, `Set aside (${aside.length})`),
    aside.length > 0 && make("ul", { class: "folk" }, aside.slice(0, STEP).map((who) => make("li", {},
      make("p", {}, make("b", {}, who.user), " in ", who.room ? roomLink(who.room) : "every room"),
      make("p", {}, prose(who.message), make("span", { class: "soft" }, ` (${who.code})`)),
      make("p", { class: "soft" }, "For ", time(who.since, "lasting"), " · tried again ", time(who.until, "due"), ", or when a file that names them changes")))),
    aside.length > STEP && make("p", {}, `And ${aside.length - STEP} more.`),
    going.length > 0 && make("h3", {}, `Coming and going (${going.length})`),
    going.length > 0 && make("ul", { class: "folk" }, going.slice(0, STEP).map((who) => make("li", {},
      make("p", {}, make("b", {}, who.user), " in ", roomLink(who.room)),
      make("p", { class: "soft" }, "Put back again and again, and leaves. Left alone; put back again ", time(who.until, "due"))))),
  ]);
  const { service, files } = status;
  setText($("app"), service.app);
  draw($("foot"), [status.version, status.started, service, files.digest], () => [
    make("span", {}, `roomsync ${status.version}, up for `, time(status.started, "lasting")), make("span", { class: "spot" }, service.url),
    files.digest && make("span", { class: "spot", title: files.digest }, `files ${files.digest.slice(0, 19)}`),
    make("a", { href: "/api/status" }, "/api/status"), make("a", { href: "/metrics" }, "/metrics")]);
}

// ---- asking

/** Gives what is new, or nothing where the tag still holds. */
async function ask(path, tag) {
  const answer = await fetch(path, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {}, signal: AbortSignal.timeout(5000) });
  if (answer.status === 304) return null;
  if (!answer.ok) {
    const told = (await answer.text()).trim();
    throw new Error(answer.status === 404 && path !== "/api/status" ? "no room file names it" : `the answer was ${answer.status}: ${told.slice(0, 300)}`);
  }
  return { tag: answer.headers.get("ETag"), body: await answer.json() };
}

function drawAll() {
  const { status } = page;
  drawGlance(status);
  if (!status) return;
  drawBlocks(status);
  drawRooms(status);
  drawSide(status);
}

async function poll() {
  try {
    const answer = await ask("/api/status", page.tag);
    page.heard = Date.now();
    const back = page.lost;
    Object.assign(page, { lost: false, broken: "" });
    if (answer) {
      const first = !page.status;
      skew = Date.parse(answer.body.now) - Date.now();
      Object.assign(page, { tag: answer.tag, status: answer.body });
      drawAll();
      if (first) toHash();
      for (const id of page.details.keys()) fetchDetail(id);
    } else if (back) drawAll();
  } catch (error) {
    page.broken = error.message.startsWith("the answer") ? `Instead of the status, ${error.message}` : "";
    if (!page.status || page.broken) lose();
  }
}

function lose() {
  if (!page.lost) { page.lost = true; drawAll(); } else drawGlance(page.status);
}

function toHash() {
  const id = (location.hash.match(/^#room-(\d+)$/) || [])[1];
  if (!id || !page.status) return;
  page.pinned = id;
  drawRooms(page.status);
  const row = page.rows.get(id);
  if (!row) return;
  if (!page.details.has(id)) toggle(id);
  row.scrollIntoView({ block: "start" });
  row.querySelector(".row").focus({ preventScroll: true });
}

async function go() {
  if (!document.hidden) await poll();
  setTimeout(go, POLL_MS);
}

setInterval(() => {
  if (document.hidden) return;
  if (page.heard && Date.now() - page.heard > LOST_MS) lose();
  document.querySelectorAll("time").forEach(tick);
}, 1000);
// What a hidden page knows is old: it is asked for at once, and until then not shown as good.
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
addEventListener("hashchange", toHash);
$("find").addEventListener("input", (event) => { page.find = event.target.value; page.most = Math.min(page.most, STEP); if (page.status) drawRooms(page.status); });
$("more").addEventListener("click", () => { page.most += STEP; drawRooms(page.status); });
go();
