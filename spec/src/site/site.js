"use strict";
// Search everywhere, filters on the index, two kernels on the page that compares them.
(() => {
  const root = document.body.dataset.root;
  const byId = (id) => document.getElementById(id);
  const release = (text) => text.split(".").reduce((sum, part, index) => sum + Number(part) * [1e8, 1e4, 1][index], 0);
  // Both ends belong to the span; none means that there is no end.
  const has = (since, until, at) => (!since || release(since) <= at) && (!until || at <= release(until));
  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  const entries = [];
  for (const [name, summary] of SEARCH.calls) entries.push([name, `calls/${name}.html`, summary]);
  for (const [name, members] of SEARCH.sets) {
    entries.push([name, `flags/${name}.html`, "flags"]);
    for (const member of members.split(" ")) if (member) entries.push([member, `flags/${name}.html#${member}`, name]);
  }
  for (const name of SEARCH.structs) entries.push([name, `types/${name}.html`, "struct"]);
  for (const name of SEARCH.laws) entries.push([name, `laws.html#${name}`, "law"]);

  const search = byId("search");
  const found = byId("found");
  const rank = (entry, text) => {
    const name = entry[0].toLowerCase();
    if (name === text) return 0;
    if (name.startsWith(text)) return 1;
    if (name.includes(text)) return 2;
    return entry[2].toLowerCase().includes(text) ? 3 : -1;
  };
  const look = () => {
    const text = search.value.trim().toLowerCase();
    found.replaceChildren();
    found.hidden = !text;
    if (!text) return;
    const hits = entries.map((entry) => [rank(entry, text), entry]).filter(([order]) => order >= 0);
    hits.sort((a, b) => a[0] - b[0] || a[1][0].length - b[1][0].length || (a[1][0] < b[1][0] ? -1 : 1));
    for (const [, [name, href, note]] of hits.slice(0, 40)) {
      const link = element("a", "", { href: root + href });
      link.append(element("b", name), " ", element("small", note));
      found.append(link);
    }
    found.firstElementChild?.classList.add("first");
    if (!hits.length) found.append(element("p", "nothing is called so"));
  };
  search.addEventListener("input", look);
  document.addEventListener("keydown", (event) => {
    const links = [...found.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName);
    if (event.key === "/" && !typing) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape") {
      search.value = "";
      look();
      search.blur();
    } else if (event.key === "Enter" && document.activeElement === search && links.length) {
      location.href = links[0].href;
    } else if (event.key === "ArrowDown" && (at >= 0 || document.activeElement === search) && links[at + 1]) {
      event.preventDefault();
      links[at + 1].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (links[at - 1] ?? search).focus();
    }
  });

  // A command's block opens when its address is followed.
  const open = () => {
    const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
    if (target?.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", open);
  open();

  if (byId("calls")) {
    const rows = [...byId("calls").rows];
    const [group, kernel, port] = ["group", "kernel", "port"].map(byId);
    const filter = () => {
      const at = kernel.value && release(kernel.value);
      const bit = SEARCH.ports.indexOf(port.value);
      const wanted = SEARCH.groups.indexOf(group.value);
      let count = 0;
      SEARCH.calls.forEach(([, , since, until, groups, ports], index) => {
        const fits =
          (wanted < 0 || groups.includes(wanted)) &&
          (!at || has(since, until, at)) &&
          (bit < 0 || (ports >>> bit) & 1);
        rows[index].hidden = !fits;
        count += fits ? 1 : 0;
      });
      byId("count").textContent = `${count} of ${rows.length} calls`;
    };
    const read = () => {
      const words = new URLSearchParams(location.hash.slice(1));
      for (const select of [group, kernel, port]) if (words.has(select.id)) select.value = words.get(select.id);
      filter();
    };
    const write = () => {
      const words = new URLSearchParams();
      for (const select of [group, kernel, port]) if (select.value) words.set(select.id, select.value);
      history.replaceState(null, "", `#${words}`);
      filter();
    };
    byId("filters").addEventListener("change", write);
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    addEventListener("hashchange", read);
    read();
  }

  if (byId("changes")) {
    const compare = () => {
      const [old, fresh] = [release(byId("old").value), release(byId("new").value)];
      const changes = byId("changes");
      changes.replaceChildren();
      for (const kind of ["calls", "commands", "flags", "fields", "errors", "promises"]) {
        for (const [words, before] of [["new", false], ["gone", true]]) {
          const list = CHANGES.filter(
            ([of, , since, until]) => of === kind && has(since, until, old) === before && has(since, until, fresh) !== before
          );
          if (!list.length) continue;
          changes.append(element("h2", `${words} ${kind}: ${list.length}`));
          const made = element("ul", "");
          for (const [, name, , , href] of list) {
            const item = element("li", "");
            item.append(element("a", name, { href }));
            made.append(item);
          }
          changes.append(made);
        }
      }
      if (!changes.childElementCount) changes.append(element("p", "The specification knows no difference."));
    };
    byId("compare").addEventListener("change", compare);
    addEventListener("load", compare);
  }
})();
