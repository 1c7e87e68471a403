// SPDX-License-Identifier: Apache-2.0
// Every five seconds the same page is asked for again and its live part is put in place of the old
// one. Nothing is built from data here: the server has escaped it all.
"use strict";

const interval = 5000;
const status = document.getElementById("status");

async function refresh() {
	if (document.hidden)
		return;
	try {
		const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
		if (!reply.ok)
			throw new Error("HTTP " + reply.status);
		const page = new DOMParser().parseFromString(await reply.text(), "text/html");
		const live = page.getElementById("live");
		if (live)
			document.getElementById("live").replaceWith(live);
		status.textContent = "Live";
		status.className = "status live";
	} catch (error) {
		status.textContent = "Not reachable: " + error.message;
		status.className = "status lost";
	}
}

status.textContent = "Live";
status.className = "status live";
setInterval(refresh, interval);
document.addEventListener("visibilitychange", refresh);
setTimeout(refresh, 1200);
