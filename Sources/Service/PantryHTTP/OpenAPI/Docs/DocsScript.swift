/// What the page can do beyond being read. Everything it adds is hidden without it.
enum DocsScript {
    static let js = #"""
        (() => {
          "use strict";
          const root = document.documentElement;
          const theme = document.getElementById("theme");
          const box = document.getElementById("filter");
          const found = document.getElementById("found");
          const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
          const remembered = () => { try { return localStorage.getItem("pantry-theme"); } catch { return null; } };
          const show = (name) => {
            if (name) root.dataset.theme = name; else delete root.dataset.theme;
            const isDark = name ? name === "dark" : prefersDark.matches;
            theme.textContent = isDark ? "Light" : "Dark";
            theme.setAttribute("aria-label", isDark ? "Use light colors" : "Use dark colors");
          };
          show(remembered());
          theme.hidden = false;
          theme.addEventListener("click", () => {
            const name = theme.textContent === "Light" ? "light" : "dark";
            try { localStorage.setItem("pantry-theme", name); } catch { /* It holds for this page then. */ }
            show(name);
          });
          prefersDark.addEventListener("change", () => show(remembered()));

          if (location.protocol.startsWith("http")) {
            for (const code of document.querySelectorAll(".curl code")) {
              code.textContent = code.textContent.replace("http://127.0.0.1:8080", location.origin);
            }
          }

          for (const pre of document.querySelectorAll("pre")) {
            pre.tabIndex = 0;
            if (!navigator.clipboard) continue;
            const button = document.createElement("button");
            button.type = "button";
            button.className = "copy";
            button.textContent = "Copy";
            button.addEventListener("click", async () => {
              try {
                await navigator.clipboard.writeText(pre.querySelector("code").textContent);
                button.textContent = "Copied";
              } catch { button.textContent = "Not allowed"; }
              setTimeout(() => { button.textContent = "Copy"; }, 1500);
            });
            pre.parentElement.classList.add("copyable");
            pre.before(button);
          }

          const searched = [...document.querySelectorAll("[data-find]")];
          const sections = [...document.querySelectorAll("nav section, main section:not(.intro)")];
          const intro = document.querySelector(".intro");
          const filter = () => {
            const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
            let count = 0;
            for (const element of searched) {
              const isMatch = words.every((word) => element.dataset.find.includes(word));
              element.hidden = !isMatch;
              if (isMatch && element.classList.contains("operation")) count += 1;
            }
            for (const section of sections) {
              section.hidden = words.length > 0 && !section.querySelector("[data-find]:not([hidden])");
            }
            intro.hidden = words.length > 0;
            found.textContent = words.length === 0 ? "" : count === 1 ? "1 operation" : `${count} operations`;
          };
          box.closest("label").hidden = false;
          box.addEventListener("input", filter);
          box.addEventListener("keydown", (event) => {
            if (event.key === "Escape") { box.value = ""; filter(); box.blur(); }
          });
          document.addEventListener("keydown", (event) => {
            if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
            if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
            event.preventDefault();
            box.focus();
            box.select();
          });
          const reveal = () => {
            const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
            if (!target) return;
            if (target.closest("[hidden]")) { box.value = ""; filter(); }
            target.scrollIntoView();
          };
          window.addEventListener("hashchange", reveal);
          reveal();

          const links = new Map();
          for (const link of document.querySelectorAll("nav a")) links.set(link.hash.slice(1), link);
          const watcher = new IntersectionObserver((entries) => {
            for (const entry of entries) {
              const link = links.get(entry.target.id);
              if (!link || !entry.isIntersecting) continue;
              for (const other of document.querySelectorAll("nav a[aria-current]")) {
                other.removeAttribute("aria-current");
              }
              link.setAttribute("aria-current", "location");
            }
          }, { rootMargin: "-15% 0px -75% 0px" });
          for (const article of document.querySelectorAll("article[id]")) watcher.observe(article);
        })();
        """#
}
