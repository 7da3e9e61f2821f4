"""How Sphinx builds this site: Markdown, a quiet theme, and nothing from the network."""

import doctest

project = "From fat views to a service layer"
html_title = project

extensions = ["myst_parser", "sphinx.ext.doctest"]
myst_enable_extensions = ["colon_fence"]
# Sphinx would not look at what an exception says. A long line may be broken on the page.
doctest_default_flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# What a command writes is included by a page, and is no page itself.
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
