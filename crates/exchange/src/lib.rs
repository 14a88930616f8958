//! STIX, bundles, release, receipt and recall: the only door through which data leaves a node.
