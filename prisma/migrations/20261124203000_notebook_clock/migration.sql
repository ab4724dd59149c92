-- The time by which notebooks live: phases, limits, retries, liveness marks, bills, events. One function, so that a test can
-- put its own in its place and hold time still; here it is the transaction's time, and the planner sees through it. Leases
-- are about processes that live or do not, and stay on now().
CREATE FUNCTION cahier_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT now()';
