"""Sphinx's settings for the site of these pages; interfaces.docs.site prepares what it reads."""

project = "Sluice"
author = "Sluice contributors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Sluice"
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
# A link to a heading is checked like a link to a page; GitHub makes its anchors the same way.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# Programs' output and shell words in code blocks are no language that could be lexed.
suppress_warnings = ["misc.highlighting_failure"]
exclude_patterns = ["conf.py"]
