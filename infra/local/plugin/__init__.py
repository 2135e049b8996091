"""The provider `aex`: what `pulumi up` on this machine is made of, as resources of a plugin of ours.

Why a plugin (`pulumi-resource-aex` in this folder, named under `plugins` in Pulumi.yaml) and not dynamic providers of
the Python SDK, which need no executable:

* a dynamic provider is pickled into the state of every resource. Each edit of its code, or of anything that it refers
  to, is then a change of all ten resources, and a destroy or refresh runs the code that was current at the last `up`,
  not what is in the checkout: a repaired defect would still be in the state;
* it answers no Cancel, so that Ctrl-C would wait for a start's timeout;
* it puts the pickled code (and what it closes over) where secrets are looked for;
* the stand-in providers of the tests speak the same protocol, so its Python form exists anyway
  (`infra.components.protocol`).

The price is an executable that has to find the project's interpreter: twenty lines of sh.
"""
