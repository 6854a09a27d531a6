// ---- asking

/** Gives what is new, or nothing where the tag still holds. */
async function ask(path, tag) {
  const answer = await fetch(path, {
    cache: "no-store",
    headers: tag ? { "If-None-Match": tag } : {},
    signal: AbortSignal.timeout(5000),
  });
  if (answer.status === 304) return null;
  if (!answer.ok) {
    const told = (await answer.text()).trim();
    throw new Error(
      answer.status === 404 && path.startsWith("/api/rooms/")
        ? "no room file names it"
        : `the answer was ${answer.status}: ${told.slice(0, 300)}`,
    );
  }
  return { tag: answer.headers.get("ETag"), body: await answer.json() };
}

/** The rooms of a fleet that is too large for one answer: all pages at first, then what has changed. */
let fleet = { revision: null, rooms: new Map() };

async function fleetRooms() {
  const known = fleet;
  let revision = null;
  let rooms = null;
  let whole = true;
  let after = null;
  do {
    const parts = { ...(known.revision && { since: known.revision }), ...(after && { after }) };
    const { body } = await ask(`/api/rooms?${new URLSearchParams(parts)}`);
    if (!rooms) {
      revision = body.revision;
      whole = body.since === null;
      rooms = new Map(whole ? [] : known.rooms);
      for (const id of body.gone) rooms.delete(id);
    } else if (whole !== (body.since === null)) throw new Error("it was started again meanwhile");
    for (const room of body.rooms) rooms.set(room.id, room);
    after = body.after;
  } while (after);
  fleet = { revision, rooms };
  return [...rooms.values()];
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
      const rooms = answer.body.rooms || (await fleetRooms());
      Object.assign(page, { tag: answer.tag, status: { ...answer.body, rooms } });
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
  if (!page.lost) {
    page.lost = true;
    drawAll();
  } else drawGlance(page.status);
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
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) poll();
});
addEventListener("hashchange", toHash);
$("find").addEventListener("input", (event) => {
  page.find = event.target.value;
  page.most = Math.min(page.most, STEP);
  if (page.status) drawRooms(page.status);
});
$("more").addEventListener("click", () => {
  page.most += STEP;
  drawRooms(page.status);
});
drawAll();
go();
