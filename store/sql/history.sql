-- name: ids_of_uids
select uid, id from device where uid = any(%s)
