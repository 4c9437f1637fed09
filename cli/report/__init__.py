"""The report of a trial, for who was not there.

data     where it comes from: registry, lake, function
model    what it says, and the words for it
charts   what each chart shows, at any size
svg      charts as SVG
page     as one page of HTML, with page.css
text     as tables and plots of characters on a terminal
"""
