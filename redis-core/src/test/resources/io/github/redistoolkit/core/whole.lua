-- Says what the test reads.
--
-- <NAME> in a line with more is a comment.

local mark = '-- <NAME>'
if mark then
  -- Why.
  -- <CHECK>
end

return 1 -- kept
