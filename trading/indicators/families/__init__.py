"""The indicators of the catalogue by family: what each declares, and its formula on one symbol. No frames."""
