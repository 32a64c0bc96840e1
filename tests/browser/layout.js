// Appended to a copy of a report: writes what is wrong with its layout into an element "layout", a line each, "fine" when
// nothing is. Labels of figures must lie within their figure and off each other; the page must not scroll sideways.
addEventListener("load", () => {
  const wrong = [];
  const slack = 2; // px: fonts differ, and boxes are taller than letters
  document.querySelectorAll("svg.plot").forEach((svg) => {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) return; // the other width's figure
    const name = svg.getAttribute("aria-labelledby").split("-title")[0];
    const labels = [...svg.querySelectorAll("text")]
      .filter((text) => text.textContent.trim() !== "")
      .map((text) => {
        const b = text.getBoundingClientRect();
        const turned = /rotate/.test(text.parentNode.getAttribute("transform") + text.getAttribute("transform")) &&
          !/rotate\(0/.test(text.parentNode.getAttribute("transform") + "");
        const inset = b.height * 0.2; // ascent and descent that letters rarely use
        return { text: text.textContent.trim(), left: b.left, right: b.right, top: b.top + inset, bottom: b.bottom - inset,
                 turned };
      });
    labels.forEach((a, i) => {
      if (a.left < frame.left - slack || a.right > frame.right + slack || a.top < frame.top - slack ||
          a.bottom > frame.bottom + slack)
        wrong.push(name + ": '" + a.text + "' leaves the figure");
      labels.slice(i + 1).forEach((b) => {
        if (a.turned || b.turned) return; // boxes of turned text are larger than it
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack &&
            Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack)
          wrong.push(name + ": '" + a.text + "' lies on '" + b.text + "'");
      });
    });
  });
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth + slack)
    wrong.push("the page is " + page.scrollWidth + " px wide, the window " + page.clientWidth);
  document.querySelectorAll("main *").forEach((e) => {
    const b = e.getBoundingClientRect();
    if (b.width > 0 && b.right > page.clientWidth + slack && !e.closest(".scroll") && !e.closest("svg") && !e.closest("pre"))
      wrong.push("<" + e.tagName.toLowerCase() + "> leaves the page: " + e.textContent.slice(0, 40));
  });
  const result = document.createElement("pre");
  result.id = "layout";
  result.textContent = wrong.length ? wrong.join("\n") : "fine";
  document.body.append(result);
});
