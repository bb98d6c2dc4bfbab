-- The type co_gas_detector is called co_detector now, as in DESIGN.md.
update device set type = 'co_detector' where type = 'co_gas_detector';
