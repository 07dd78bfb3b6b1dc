// Runs before the first paint: dark or light as chosen here, else as the system says.
(() => {
  const kept = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const asked = new URLSearchParams(location.search).get("theme");
  const set = (name) => { document.documentElement.dataset.theme = name; };
  const first = ["dark", "light"].includes(asked) ? asked : kept();
  set(first ?? (dark.matches ? "dark" : "light"));
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      set(next);
      try { localStorage.setItem("theme", next); } catch { /* private browsing keeps nothing */ }
      dispatchEvent(new Event("themed"));
    });
  });
})();
