"""The production shape, run: an engine of its own, every image of ours, the whole compose file (`make container-test`).

Nothing of the host is changed: the engine lives in namespaces of its own and ends with the test. What cannot be had without a
registry of images has a stand-in (`override.yml`): the broker's and the store's images, and Triton's, which is 5.8 GB.
"""
