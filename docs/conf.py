"""How Sphinx builds this site: Markdown, a quiet theme, and nothing from the network."""

from sphinx.application import Sphinx

project = "From fat views to a service layer"
html_title = project

extensions = ["myst_parser"]
# A link may lead to a heading of a page, as on a code host.
myst_heading_anchors = 3
# A page shows what is in here already.
exclude_patterns = ["_generated"]
nitpicky = True

html_theme = "furo"
html_theme_options = {
    "light_css_variables": {"code-font-size": "0.75rem"},
}
html_static_path = ["_static"]
html_css_files = ["listings.css"]
# The pages are in the checkout, next to the code that they show.
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False

# The pages in the order in which they are read. index.md does not have the list itself: a code
# host would show it as a box of code.
PAGES = (
    "smells",
    "service-layer",
    "who-commits",
    "one-rule-four-callers",
    "configuring-services",
    "svcs",
    "oauth",
    "what-it-does-not-fix",
    "measuring",
    "proving",
    "production",
    "workshop",
    "glossary",
)


def add_list_of_pages(app: Sphinx, page: str, source: list[str]) -> None:
    if page == "index":
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", "", *PAGES, "```", ""])


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_list_of_pages)
