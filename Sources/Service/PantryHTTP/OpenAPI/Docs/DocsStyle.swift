/// The page's looks: two columns of words and samples where there is room, one where there is not.
enum DocsStyle {
    static let css = """
        :root { --paper: #fbfaf7; --raised: #fff; --ink: #24292b; --soft: #5c6468; --line: #e3e0d8;
          --accent: #226a57; --code: #f2f0ea; --get: #1d6fa5; --post: #226a57; --put: #8a5a00; --patch: #8a5a00;
          --delete: #a8322d;
          --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
          --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; color-scheme: light; }
        :root[data-theme="dark"] { --paper: #16191a; --raised: #1d2122; --ink: #e4e6e4; --soft: #9fa8a8; --line:
          #313738;
          --accent: #7cc8ae; --code: #23292a; --get: #7db9e8; --post: #7cc8ae; --put: #e0b35c; --patch: #e0b35c;
          --delete: #f08c84; color-scheme: dark; }
        @media (prefers-color-scheme: dark) {
          :root:not([data-theme="light"]) { --paper: #16191a; --raised: #1d2122; --ink: #e4e6e4; --soft: #9fa8a8;
            --line: #313738; --accent: #7cc8ae; --code: #23292a; --get: #7db9e8; --post: #7cc8ae; --put: #e0b35c;
            --patch: #e0b35c; --delete: #f08c84; color-scheme: dark; }
        }
        *, *::before, *::after { box-sizing: border-box; }
        [hidden] { display: none !important; }
        html { scroll-padding-top: 5rem; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans);
          display: grid; grid-template: "top top" auto "nav main" 1fr / 17rem minmax(0, 1fr); }
        a { color: var(--accent); text-underline-offset: .15em; }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
        code, pre { font-family: var(--mono); font-size: .875em; }
        p code, li code, summary code { background: var(--code); padding: .1em .3em; border-radius: 4px; }
        .skip { position: absolute; left: -100vw; top: 0; background: var(--raised); padding: .75rem 1rem; z-index: 3; }
        .skip:focus { left: 0; }
        .top { grid-area: top; position: sticky; top: 0; z-index: 2; display: flex; gap: 1.5rem; align-items: center;
          padding: .6rem 1.5rem; background: var(--raised); border-bottom: 1px solid var(--line); }
        .top p { margin: 0; }
        .brand span { color: var(--soft); }
        .filter { flex: 1; max-width: 26rem; }
        .filter span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        .filter input { width: 100%; font: inherit; color: inherit; background: var(--paper); padding: .35rem .7rem;
          border: 1px solid var(--line); border-radius: 6px; }
        .tools { margin-left: auto !important; display: flex; gap: 1rem; align-items: center; }
        button { font: inherit; font-size: .875rem; color: var(--ink); background: var(--code); cursor: pointer;
          border: 1px solid var(--line); border-radius: 6px; padding: .25rem .7rem; }
        nav { grid-area: nav; position: sticky; top: 3.4rem; height: calc(100vh - 3.4rem); overflow-y: auto;
          padding: 1rem 1rem 3rem 1.5rem; border-right: 1px solid var(--line); font-size: .9rem; }
        nav h2 { font-size: .8rem; letter-spacing: .04em; margin: 1.2rem 0 .3rem; }
        nav h2 a { color: var(--soft); text-decoration: none; text-transform: uppercase; }
        nav ul { list-style: none; margin: 0; padding: 0; }
        nav li a { display: flex; gap: .5rem; align-items: baseline; color: var(--ink); text-decoration: none;
          padding: .2rem .5rem; margin-left: -.5rem; border-radius: 5px; }
        nav li a:hover, nav li a[aria-current] { background: var(--code); }
        nav .method { width: 3.3rem; flex: none; text-align: right; }
        main { grid-area: main; padding: 1.5rem 2rem 6rem; outline: none; }
        h1 { font-size: 2.2rem; line-height: 1.2; margin: .5rem 0; }
        main h2 { font-size: 1.5rem; margin: 3rem 0 .2rem; padding-top: 1rem; border-top: 1px solid var(--line); }
        h3 { font-size: 1.15rem; margin: 0 0 .3rem; }
        h3 a { color: inherit; text-decoration: none; }
        h3 a:hover { text-decoration: underline; }
        h4 { font-size: .95rem; margin: 1.4rem 0 .4rem; }
        .intro { max-width: 48rem; }
        .lead { color: var(--soft); margin-top: 0; }
        .operation { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 30rem); gap: 2rem;
          padding: 1.8rem 0; }
        .operation + .operation, .named + .named { border-top: 1px solid var(--line); }
        .words, .named { max-width: 48rem; }
        .named { padding: 1.4rem 0; }
        .samples { position: sticky; top: 4.5rem; align-self: start; max-height: calc(100vh - 5.5rem);
          overflow-y: auto; }
        .method { font: 700 .75rem/1.4 var(--mono); color: var(--soft); }
        .method.get { color: var(--get); } .method.post { color: var(--post); } .method.put { color: var(--put); }
        .method.patch { color: var(--patch); } .method.delete { color: var(--delete); }
        .route { margin: 0; }
        .access { color: var(--soft); margin: .2rem 0 .8rem; font-size: .9rem; }
        .members, .headers { list-style: none; margin: 0; padding: 0; font-size: .92rem; }
        .members > li, .headers > li { padding: .5rem 0; border-top: 1px solid var(--line); }
        .members > li:first-child, .headers > li:first-child { border-top: 0; }
        .members .members { margin: .4rem 0 0 .3rem; padding-left: .9rem; border-left: 2px solid var(--line); }
        .members p { margin: .2rem 0; } .members ul:not(.members) { margin: .2rem 0; padding-left: 1.2rem; }
        code.member { background: none; padding: 0; font-weight: 600; }
        .type, .limits { color: var(--soft); font-size: .875rem; }
        .type code { font-size: .9em; }
        p.type { margin: .3rem 0; }
        .pattern { overflow-wrap: anywhere; }
        .required { font-style: normal; font-size: .78rem; color: var(--delete); }
        .media { margin: .6rem 0 .2rem; }
        .answer { border: 1px solid var(--line); border-radius: 7px; margin: .35rem 0;
          background: var(--raised); }
        .answer summary { cursor: pointer; padding: .45rem .8rem; display: flex; gap: .8rem; align-items: baseline; }
        .answer summary::-webkit-details-marker { display: none; }
        .answer summary::after { content: "+"; margin-left: auto; color: var(--soft); font-family: var(--mono); }
        .answer[open] summary::after { content: "−"; }
        .answer[open] summary { border-bottom: 1px solid var(--line); }
        .answer > :not(summary) { margin-left: .8rem; margin-right: .8rem; }
        .answer .headers { margin-bottom: .6rem; }
        .status { font: 700 .85rem var(--mono); min-width: 3.2rem; color: var(--soft); }
        .s2 .status { color: var(--post); } .s4 .status { color: var(--put); } .s5 .status { color: var(--delete); }
        figure { margin: 0 0 1rem; border: 1px solid var(--line); border-radius: 8px; overflow: hidden;
          background: var(--raised); position: relative; }
        figcaption { padding: .35rem .9rem; font-size: .8rem; color: var(--soft); border-bottom: 1px solid
          var(--line); }
        pre { margin: 0; padding: .8rem .9rem; overflow-x: auto; line-height: 1.5; background: var(--raised); }
        .answer pre { background: var(--code); border-radius: 6px; margin-bottom: .8rem; }
        .copyable { position: relative; }
        .copy { position: absolute; right: .4rem; top: .25rem; font-size: .75rem; padding: .1rem .5rem; }
        .answer .copy { position: static; float: right; margin-top: .4rem; }
        #found { color: var(--soft); margin: 0; }
        @media (max-width: 72rem) { .operation { grid-template-columns: minmax(0, 1fr); gap: .8rem; }
          .samples { position: static; max-height: none; } }
        @media (max-width: 52rem) { body { display: block; } nav { position: static; height: auto; border: 0; }
          main { padding: 1rem; } .top { flex-wrap: wrap; gap: .6rem 1rem; padding: .6rem 1rem; position: static; }
          .filter { order: 3; flex: 1 0 100%; max-width: none; } nav { padding: 1rem; }
          html { scroll-padding-top: 1rem; } }
        @media print { nav, .top, .copy { display: none; } .operation { display: block; } }
        """
}
