"""Names in code become links: public names to the reference, those of JAX, optax and flax to their documentation."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from docs.book.names import address_elsewhere, full_name


def link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Turns literals that are names into links, in every page."""
    docname = app.env.docname
    room = docname.removeprefix("api/")
    for literal in list(doctree.findall(nodes.literal)):
        if not isinstance(literal.parent, nodes.TextElement) or isinstance(literal.parent, nodes.title | nodes.reference):
            continue
        text = literal.astext()
        if name := full_name(text, room):
            options = {"refdomain": "py", "reftype": "obj", "reftarget": name, "refexplicit": True, "refdoc": docname}
            link = addnodes.pending_xref("", literal.deepcopy(), **options)
            literal.replace_self(link)
        elif address := address_elsewhere(text):
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), refuri=address))
